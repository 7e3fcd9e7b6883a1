import { membersUnknown, notAsked, notRemoved } from './losses.js';
import { createDisconnect, createRelay, type Relay } from './relay.js';
import type { ChannelMember, ImmediateRelayOptions, ISocketClient, ProviderHealth } from './socket-client.js';

/** Carries relays to a provider. */
export interface RelaySender {
  /**
   * Carries one relay to its provider.
   *
   * @throws SocketDeliveryError that names the recipients to whom the relay is lost
   */
  send(relay: Relay): Promise<void>;
  /** Told that no attempt for a relay follows, by those who send failed relays again. */
  settled?(relay: Relay): void;
}

/** The port as adapters implement it: the calls of {@link ISocketClient}, and `send`, which takes a {@link Relay}. */
export interface AdapterClient extends ISocketClient, RelaySender {
  /**
   * Sends the clients of this process away, before the server closes that they are connected to, and still takes relays.
   * `close` follows. Absent where this process has no clients.
   */
  drain?(): Promise<void>;
}

/** The five calls of the port over one {@link RelaySender.send}. An adapter extends it and writes `send`. */
export abstract class RelayClient implements AdapterClient {
  readonly #broadcastChannel: string;

  /** @param broadcastChannel the name of the channel that {@link broadcast} sends to */
  constructor(broadcastChannel: string) {
    this.#broadcastChannel = broadcastChannel;
  }

  abstract send(relay: Relay): Promise<void>;

  abstract onlineMembers(memberIds: readonly string[]): Promise<ReadonlySet<string>>;

  /** Rejects, unless the adapter has a `channelMembers` of its own. */
  channelMembers(channel: string): Promise<readonly ChannelMember[]> {
    const { name } = this.constructor;
    const reason = `this provider cannot tell, because ${name} has no "channelMembers"`;
    return Promise.reject(membersUnknown(name, false, channel, reason));
  }

  /** Rejects, unless the adapter has a `removeFromChannel` of its own. */
  removeFromChannel(channel: string, memberId: string): Promise<void> {
    const reason =
      'this provider cannot end one subscription. Let the authorizer refuse the member, then call disconnectMember';
    return Promise.reject(notRemoved(this.constructor.name, false, channel, memberId, reason));
  }

  /** Rejects, unless the adapter has an `askMember` of its own. */
  askMember(memberId: string, _event: string, _payload: unknown, _timeoutMs: number): Promise<unknown> {
    const { name } = this.constructor;
    const reason = `this provider carries no answers of browsers, because ${name} has no "askMember"`;
    return Promise.reject(notAsked(name, false, memberId, reason));
  }

  abstract health(): Promise<ProviderHealth>;

  abstract close(): Promise<void>;

  async relayToMember(
    memberId: string,
    event: string,
    payload?: unknown,
    options?: ImmediateRelayOptions,
  ): Promise<void> {
    await this.send(createRelay('member', [memberId], event, payload, immediate(options)));
  }

  async relayToMembers(
    memberIds: readonly string[],
    event: string,
    payload?: unknown,
    options?: ImmediateRelayOptions,
  ): Promise<void> {
    await this.send(createRelay('members', memberIds, event, payload, immediate(options)));
  }

  async relayToChannel(
    channel: string,
    event: string,
    payload?: unknown,
    options?: ImmediateRelayOptions,
  ): Promise<void> {
    await this.send(createRelay('channel', [channel], event, payload, immediate(options)));
  }

  async broadcast(event: string, payload?: unknown, options?: ImmediateRelayOptions): Promise<void> {
    await this.send(createRelay('broadcast', [this.#broadcastChannel], event, payload, immediate(options)));
  }

  async disconnectMember(memberId: string): Promise<void> {
    await this.send(createDisconnect(memberId));
  }
}

/** The port sends at once, whatever else the caller's object has in it. */
function immediate(options: ImmediateRelayOptions | null | undefined): ImmediateRelayOptions | undefined {
  if (options === undefined || options === null) return undefined;
  const { exceptSocketId, idempotencyKey } = options;
  return { exceptSocketId, idempotencyKey };
}
