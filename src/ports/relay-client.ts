import { createDisconnect, createRelay, type Relay } from './relay.js';
import type { ISocketClient, ProviderHealth, RelayOptions } from './socket-client.js';

/** The way of every relay to a provider. */
export interface RelaySender {
  /**
   * Carries one relay to its provider.
   *
   * @throws SocketDeliveryError that names the recipients who were missed
   */
  send(relay: Relay): Promise<void>;
}

/** A port that also takes relays as they are. */
export type SocketClient = ISocketClient & RelaySender;

/** The five calls of the port over one {@link RelaySender.send}, which is what an adapter writes. */
export abstract class RelayClient implements SocketClient {
  readonly #broadcastChannel: string;

  /** @param broadcastChannel the channel behind {@link broadcast} */
  constructor(broadcastChannel: string) {
    this.#broadcastChannel = broadcastChannel;
  }

  abstract send(relay: Relay): Promise<void>;

  abstract onlineMembers(memberIds: readonly string[]): Promise<ReadonlySet<string>>;

  abstract health(): Promise<ProviderHealth>;

  abstract close(): Promise<void>;

  async relayToMember(
    memberId: string,
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void> {
    await this.send(createRelay('member', [memberId], event, payload, options));
  }

  async relayToMembers(
    memberIds: readonly string[],
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void> {
    await this.send(createRelay('members', memberIds, event, payload, options));
  }

  async relayToChannel(
    channel: string,
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void> {
    await this.send(createRelay('channel', [channel], event, payload, options));
  }

  async broadcast(event: string, payload?: unknown, options?: RelayOptions): Promise<void> {
    await this.send(createRelay('broadcast', [this.#broadcastChannel], event, payload, options));
  }

  async disconnectMember(memberId: string): Promise<void> {
    await this.send(createDisconnect(memberId));
  }
}
