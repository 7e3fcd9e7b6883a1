import { WsGateway } from '../../src/adapters/ws/ws-gateway.js';
import type { ChannelEngine } from '../../src/channels/channel-engine.js';
import type { SocketRuntime } from '../../src/runtime/socket-runtime.js';

/** The channel engine of the first provider that has one. */
export function engineOf({ providers }: Pick<SocketRuntime, 'providers'>): ChannelEngine {
  const engine = providers.find((provider) => provider.engine !== undefined)?.engine;
  if (engine === undefined) throw new Error('No provider of this runtime has an engine');
  return engine;
}

/** The gateway of the provider `ws`. */
export function gatewayOf({ providers }: Pick<SocketRuntime, 'providers'>): WsGateway {
  const gateway = providers.find(({ name }) => name === 'ws')?.attachment;
  if (!(gateway instanceof WsGateway)) throw new Error('This runtime has no gateway');
  return gateway;
}
