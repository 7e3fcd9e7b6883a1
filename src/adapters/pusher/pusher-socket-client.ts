import pMap, { pMapSkip } from 'p-map';
import { SocketUnavailableError } from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import { Payload } from '../../ports/payload.js';
import type { ISocketClient, ProviderHealth, RelayOptions } from '../../ports/socket-client.js';
import type { SocketConfig } from '../../ports/socket-config.js';
import { userChannel } from '../../protocol/channel-name.js';
import { dataFor } from '../../protocol/encryption.js';
import { type Addressee, Dispatch, type Loss } from './requests/dispatch.js';
import { within } from './deadline.js';
import { deliveryError, reasonOf } from './requests/delivery-error.js';
import { EventRequests } from './requests/event-requests.js';
import { ChannelQueues } from './requests/channel-queues.js';
import type { OutgoingEvent, PusherHttpApi } from './http/pusher-http-api.js';

/** How many questions one call of {@link PusherSocketClient.onlineMembers} has under way at a time. */
const CONCURRENT_QUESTIONS = 8;

/**
 * The port over hosted Pusher, or any server with the same HTTP API, through the official SDK.
 *
 * What is asked for within one turn of the event loop leaves together, in as few requests as the HTTP API's limits allow,
 * unless the configuration says that each call gets requests of its own. Either way each call is settled by what became
 * of its own events, calls for one member or one channel are carried out in the order they were made, a
 * `disconnectMember` among them, and calls for different ones side by side.
 *
 * Nothing is retried here. Where it is by those who call, which the configuration says, a call that fails in a way a
 * retry can help takes along what was made after it for the same member or channel, and has not begun: nothing overtakes
 * it. What has not begun within the configured timeout is not sent any more, so each of these calls
 * settles within twice that time, whatever waits in front of it.
 *
 * The one difference to the port's promises: the HTTP API insists on `data`, so a call without payload arrives with the
 * payload `''` instead of none.
 */
export class PusherSocketClient implements ISocketClient {
  readonly #api: PusherHttpApi;
  readonly #config: SocketConfig;
  readonly #queues: ChannelQueues;
  #closed = false;

  constructor(api: PusherHttpApi, config: SocketConfig, logger: SocketLogger) {
    const { batching, timeoutMs } = config.pusher;
    const holdsBack = config.delivery.retryDeadlineMs > 0;
    this.#api = api;
    this.#config = config;
    const requests = new EventRequests(api, logger, batching, holdsBack);
    this.#queues = new ChannelQueues(requests, timeoutMs, batching, holdsBack);
  }

  relayToMember(memberId: string, event: string, payload?: unknown, options?: RelayOptions): Promise<void> {
    return this.relayToMembers([memberId], event, payload, options);
  }

  /**
   * Sends to each member once, however often the id is given. After a partial failure the error's `lost` are exactly the
   * members missed, and it is a `SocketUnavailableError` only if every failed request may succeed later.
   */
  async relayToMembers(
    memberIds: readonly string[],
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void> {
    const outgoing = outgoingEvent(event, payload, options);
    this.#refuseIfClosed(memberIds);
    const members = [...new Set(memberIds)];
    const losses = await this.#post(members.map(memberAddress), outgoing);
    if (losses.length === 0) return;
    const whom =
      members.length === 1 ? `member "${members.join()}"` : `${losses.length} of ${members.length} members`;
    throw deliveryError(`"${event}" to ${whom}`, losses);
  }

  async relayToChannel(
    channel: string,
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void> {
    const plain = outgoingEvent(event, payload, options);
    const data = dataFor(channel, this.#config.encryptionMasterKey, plain.data) ?? '';
    this.#refuseIfClosed([channel]);
    const losses = await this.#post([{ channel, to: channel }], { ...plain, data });
    if (losses.length > 0) throw deliveryError(`"${event}" on channel "${channel}"`, losses);
  }

  broadcast(event: string, payload?: unknown, options?: RelayOptions): Promise<void> {
    return this.relayToChannel(this.#config.broadcastChannel, event, payload, options);
  }

  async disconnectMember(memberId: string): Promise<void> {
    this.#refuseIfClosed([memberId]);
    const losses = await this.#post([memberAddress(memberId)], undefined);
    if (losses.length > 0) throw deliveryError(`the disconnection of member "${memberId}"`, losses);
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
        { concurrency: CONCURRENT_QUESTIONS },
      );
      return new Set(online);
    } catch (failure) {
      throw deliveryError('the question which members are online', [{ to: '', failure }], []);
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
    await within(this.#config.pusher.timeoutMs, this.#queues.idle(), () => undefined);
    this.#api.close();
  }

  #post(addressees: readonly Addressee[], event: OutgoingEvent | undefined): Promise<readonly Loss[]> {
    const dispatch = new Dispatch(addressees, event);
    this.#queues.post(dispatch);
    return dispatch.losses;
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

function memberAddress(memberId: string): Addressee {
  return { channel: userChannel(memberId), to: memberId };
}
