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
  /** Whether it serves whoever is connected, and nobody new. */
  protected isDraining = false;
  #closed = false;

  constructor(
    @inject(ChannelEngine) protected readonly engine: ChannelEngine,
    @inject(SOCKET_CONFIG) protected readonly config: SocketConfig,
  ) {}

  async relayToMember(
    memberId: string,
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void> {
    const call = { kind: 'members', to: [memberId], relay: encode(event, payload, options) } as const;
    await this.#deliver(call, [userChannel(memberId)]);
  }

  async relayToMembers(
    memberIds: readonly string[],
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void> {
    const to = [...new Set(memberIds)];
    await this.#deliver({ kind: 'members', to, relay: encode(event, payload, options) }, to.map(userChannel));
  }

  async relayToChannel(
    channel: string,
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void> {
    const to = [channel] as const;
    await this.#deliver({ kind: 'channel', to, relay: encode(event, payload, options) }, to);
  }

  async broadcast(event: string, payload?: unknown, options?: RelayOptions): Promise<void> {
    const to = [this.config.broadcastChannel] as const;
    await this.#deliver({ kind: 'broadcast', to, relay: encode(event, payload, options) }, to);
  }

  async disconnectMember(memberId: string): Promise<void> {
    this.accept({ kind: 'disconnect', to: [memberId] });
    await this.#reached([memberId], [this.engine.terminateEverywhere(memberId)]);
  }

  async onlineMembers(memberIds: readonly string[]): Promise<ReadonlySet<string>> {
    this.accept({ kind: 'query', to: memberIds });
    try {
      return await this.engine.online(memberIds);
    } catch (cause) {
      throw this.#unavailable('Other nodes cannot be asked', memberIds, cause);
    }
  }

  async health(): Promise<ProviderHealth> {
    if (this.#closed) return { status: 'down', connections: 0, reason: 'closed' };
    const { connections, node, statistics, problem } = this.engine;
    const reason = this.isDraining ? 'draining' : problem;
    const degraded = problem === undefined ? 'up' : 'degraded';
    return {
      status: this.isDraining ? 'down' : degraded,
      connections,
      ...(node !== undefined && { node }),
      ...(statistics !== undefined && { cluster: statistics }),
      ...(reason !== undefined && { reason }),
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.engine.close();
  }

  /**
   * Lets a call pass before anything of it happens.
   *
   * @throws SocketUnavailableError once the client is closed
   */
  protected accept(call: PortCall): void {
    if (this.#closed) throw this.#unavailable('It is closed', call.to);
  }

  /** @returns nothing where there is nothing to wait for */
  #deliver(
    call: Extract<PortCall, { relay: EncodedRelay }>,
    channels: readonly string[],
  ): Promise<void> | undefined {
    this.accept(call);
    const { event, json, exceptSocketId } = call.relay;
    const { encryptionMasterKey } = this.config;
    const published = channels.map((channel) =>
      this.engine.publish(channel, event, dataFor(channel, encryptionMasterKey, json), exceptSocketId),
    );
    return this.#reached(call.to, published);
  }

  /** Rejects with a SocketUnavailableError that names those whose connections to other nodes were missed. */
  #reached(
    to: readonly string[],
    sendings: readonly (Promise<void> | undefined)[],
  ): Promise<void> | undefined {
    if (sendings.every((sending) => sending === undefined)) return undefined;
    return this.#allReached(to, sendings);
  }

  async #allReached(to: readonly string[], sendings: readonly (Promise<void> | undefined)[]): Promise<void> {
    const results = await Promise.allSettled(sendings.map(async (sending) => sending));
    const missed = to.filter((_, index) => results[index]?.status === 'rejected');
    if (missed.length === 0) return;
    const failure = results.find((result) => result.status === 'rejected');
    throw this.#unavailable('Other nodes cannot be reached', missed, failure?.reason);
  }

  #unavailable(problem: string, lost: readonly string[], cause?: unknown): SocketUnavailableError {
    const { provider } = this.config;
    const message = `The provider "${provider}" did not deliver to ${lost.join(', ')}: ${problem}`;
    return new SocketUnavailableError(message, { provider, lost, cause });
  }
}

function encode(event: string, payload: unknown, options: RelayOptions | undefined): EncodedRelay {
  return { event, json: Payload.of(payload).json, exceptSocketId: options?.exceptSocketId };
}
