import type { ChannelEngine } from '../../src/channels/channel-engine.js';
import type { SocketRuntime } from '../../src/runtime/socket-runtime.js';

/** The channel engine of the first provider that has one. */
export function engineOf({ providers }: Pick<SocketRuntime, 'providers'>): ChannelEngine {
  const engine = providers.find((provider) => provider.engine !== undefined)?.engine;
  if (engine === undefined) throw new Error('No provider of this runtime has an engine');
  return engine;
}
