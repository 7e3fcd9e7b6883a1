import pMap, { pMapSkip } from 'p-map';
import { SocketUnavailableError } from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import { Payload } from '../../ports/payload.js';
import type { ISocketClient, ProviderHealth, RelayOptions } from '../../ports/socket-client.js';
import type { SocketConfig } from '../../ports/socket-config.js';
import { userChannel } from '../../protocol/channel-name.js';
import { dataFor } from '../../protocol/encryption.js';
import { within } from './deadline.js';
import { deliveryError, reasonOf } from './delivery-error.js';
import { CONCURRENT_REQUESTS, MemberFanout } from './member-fanout.js';
import { OrderedDelivery } from './ordered-delivery.js';
import type { OutgoingEvent, PusherHttpApi } from './pusher-http-api.js';

/**
 * The port over hosted Pusher, or any server with the same HTTP API, through the official SDK.
 *
 * HTTP requests may overtake each other, so calls for one member or one channel are sent one after another, in the order
 * they were made, a `disconnectMember` among them; calls for different ones run side by side. Nothing is retried here. A request that has
 * not begun within the configured timeout of its call is not made any more, so each of these calls settles within twice
 * that time, whatever waits in front of it.
 *
 * The one difference to the port's promises: the HTTP API insists on `data`, so a call without payload arrives with the
 * payload `''` instead of none.
 */
export class PusherSocketClient implements ISocketClient {
  readonly #api: PusherHttpApi;
  readonly #config: SocketConfig;
  readonly #order: OrderedDelivery;
  readonly #fanout: MemberFanout;
  #closed = false;

  constructor(api: PusherHttpApi, config: SocketConfig, logger: SocketLogger) {
    this.#api = api;
    this.#config = config;
    this.#order = new OrderedDelivery(config.pusher.timeoutMs);
    this.#fanout = new MemberFanout(api, this.#order, logger);
  }

  relayToMember(memberId: string, event: string, payload?: unknown, options?: RelayOptions): Promise<void> {
    return this.relayToMembers([memberId], event, payload, options);
  }

  /**
   * One request for every 100 members, or one for each where the server refuses that. After a partial failure the error's
   * `lost` are exactly the members missed, and it is a `SocketUnavailableError` only if every failed request may succeed
   * later.
   */
  async relayToMembers(
    memberIds: readonly string[],
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void> {
    const outgoing = outgoingEvent(event, payload, options);
    this.#refuseIfClosed(memberIds);
    await this.#fanout.send(memberIds, outgoing);
  }

  async relayToChannel(
    channel: string,
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void> {
    const plain = outgoingEvent(event, payload, options);
    const data = dataFor(channel, this.#config.encryptionMasterKey, plain.data) ?? '';
    const outgoing = { ...plain, data };
    this.#refuseIfClosed([channel]);
    await this.#inOrder(channel, channel, `"${event}" on channel "${channel}"`, () =>
      this.#api.publish([channel], outgoing),
    );
  }

  broadcast(event: string, payload?: unknown, options?: RelayOptions): Promise<void> {
    return this.relayToChannel(this.#config.broadcastChannel, event, payload, options);
  }

  async disconnectMember(memberId: string): Promise<void> {
    this.#refuseIfClosed([memberId]);
    await this.#inOrder(userChannel(memberId), memberId, `the disconnection of member "${memberId}"`, () =>
      this.#api.terminate(memberId),
    );
  }

  /**
   * Asks once for each member, eight at a time. The HTTP API documents no query for signed-in users; this one counts on a
   * user's own channel being like any other, occupied as long as somebody is subscribed, which `pusher-js` is from its
   * signin on.
   *
   * @throws SocketDeliveryError when one of the questions fails; `lost` is empty, for nothing was sent
   */
  async onlineMembers(memberIds: readonly string[]): Promise<ReadonlySet<string>> {
    this.#refuseIfClosed([]);
    try {
      const online = await pMap(
        new Set(memberIds),
        async (id) => ((await this.#api.isOccupied(userChannel(id))) ? id : pMapSkip),
        { concurrency: CONCURRENT_REQUESTS },
      );
      return new Set(online);
    } catch (failure) {
      throw deliveryError('the question which members are online', [], [failure]);
    }
  }

  /** Makes one signed request, so `up` means reachable and with the right credentials. Connections are not told. */
  async health(): Promise<ProviderHealth> {
    if (this.#closed) return { status: 'down', connections: null, reason: 'closed' };
    try {
      await this.#api.probe();
      return { status: 'up', connections: null };
    } catch (failure) {
      return { status: 'down', connections: null, reason: reasonOf(failure) };
    }
  }

  /** Lets the calls made before come to their end, for one request's timeout at most, then closes the connections. */
  async close(): Promise<void> {
    this.#closed = true;
    await within(this.#config.pusher.timeoutMs, this.#order.idle(), () => undefined);
    this.#api.close();
  }

  async #inOrder(key: string, lost: string, what: string, request: () => Promise<void>): Promise<void> {
    try {
      await this.#order.take([key])(request);
    } catch (failure) {
      throw deliveryError(what, [lost], [failure]);
    }
  }

  #refuseIfClosed(lost: readonly string[]): void {
    if (this.#closed) {
      const message = `The provider "pusher" is closed; not delivered to ${lost.join(', ')}`;
      throw new SocketUnavailableError(message, { provider: 'pusher', lost });
    }
  }
}

/** Reads the payload, now: what is sent is what it was when the port was called. */
function outgoingEvent(name: string, payload: unknown, options?: RelayOptions): OutgoingEvent {
  return { name, data: Payload.of(payload).json ?? '', exceptSocketId: options?.exceptSocketId };
}
