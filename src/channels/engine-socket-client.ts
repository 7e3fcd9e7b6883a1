import { inject, injectable } from 'inversify';
import { SocketUnavailableError } from '../ports/errors.js';
import { Payload } from '../ports/payload.js';
import type { ISocketClient, ProviderHealth, RelayOptions } from '../ports/socket-client.js';
import { SOCKET_CONFIG, type SocketConfig } from '../ports/socket-config.js';
import { userChannel } from '../protocol/channel-name.js';
import { dataFor } from '../protocol/encryption.js';
import { ChannelEngine } from './channel-engine.js';

/** One call of the port, with its payload read. */
export type PortCall =
  | { readonly kind: 'members'; readonly to: readonly string[]; readonly relay: EncodedRelay }
  | { readonly kind: 'channel'; readonly to: readonly [string]; readonly relay: EncodedRelay }
  | { readonly kind: 'broadcast'; readonly to: readonly [string]; readonly relay: EncodedRelay }
  | { readonly kind: 'disconnect'; readonly to: readonly [string] }
  | { readonly kind: 'query'; readonly to: readonly string[] };

/** An event on its way: its payload is JSON text, or `undefined` where there is none. */
export interface EncodedRelay {
  readonly event: string;
  readonly json: string | undefined;
  readonly exceptSocketId: string | undefined;
}

/**
 * The port over this process's own channel engine: what the adapters `memory` and `ws` have in common. Deliveries happen
 * within the call, so order needs no queue.
 */
@injectable()
export class EngineSocketClient implements ISocketClient {
  #closed = false;

  constructor(
    @inject(ChannelEngine) protected readonly engine: ChannelEngine,
    @inject(SOCKET_CONFIG) protected readonly config: SocketConfig,
  ) {}

  relayToMember(memberId: string, event: string, payload?: unknown, options?: RelayOptions): Promise<void> {
    return this.relayToMembers([memberId], event, payload, options);
  }

  async relayToMembers(
    memberIds: readonly string[],
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void> {
    const to = [...new Set(memberIds)];
    this.#deliver(to.map(userChannel), { kind: 'members', to, relay: encode(event, payload, options) });
  }

  async relayToChannel(
    channel: string,
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void> {
    this.#deliver([channel], { kind: 'channel', to: [channel], relay: encode(event, payload, options) });
  }

  async broadcast(event: string, payload?: unknown, options?: RelayOptions): Promise<void> {
    const { broadcastChannel } = this.config;
    const relay = encode(event, payload, options);
    this.#deliver([broadcastChannel], { kind: 'broadcast', to: [broadcastChannel], relay });
  }

  async disconnectMember(memberId: string): Promise<void> {
    this.accept({ kind: 'disconnect', to: [memberId] });
    this.engine.terminate(memberId);
  }

  async onlineMembers(memberIds: readonly string[]): Promise<ReadonlySet<string>> {
    this.accept({ kind: 'query', to: memberIds });
    return new Set(memberIds.filter((id) => this.engine.isOnline(id)));
  }

  async health(): Promise<ProviderHealth> {
    if (this.#closed) return { status: 'down', connections: 0, reason: 'closed' };
    return { status: 'up', connections: this.engine.connections };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.engine.close();
  }

  /**
   * Lets a call pass before anything of it happens.
   *
   * @throws SocketUnavailableError once the client is closed
   */
  protected accept(call: PortCall): void {
    if (!this.#closed) return;
    const { provider } = this.config;
    const message = `The provider "${provider}" is closed; not delivered to ${call.to.join(', ')}`;
    throw new SocketUnavailableError(message, { provider, lost: call.to });
  }

  #deliver(channels: readonly string[], call: Extract<PortCall, { relay: EncodedRelay }>): void {
    this.accept(call);
    const { event, json, exceptSocketId } = call.relay;
    const { encryptionMasterKey } = this.config;
    for (const channel of channels) {
      this.engine.publish(channel, event, dataFor(channel, encryptionMasterKey, json), exceptSocketId);
    }
  }
}

function encode(event: string, payload: unknown, options: RelayOptions | undefined): EncodedRelay {
  return { event, json: Payload.of(payload).json, exceptSocketId: options?.exceptSocketId };
}
