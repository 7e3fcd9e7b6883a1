import pMap, { pMapSkip } from 'p-map';
import { type Clock, within } from '../../ports/clock.js';
import { messageOf } from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import { unanswered, unavailable } from '../../ports/losses.js';
import type { Relay } from '../../ports/relay.js';
import { RelayClient } from '../../ports/relay-client.js';
import type { ProviderHealth } from '../../ports/socket-client.js';
import { userChannel } from '../../protocol/channel-name.js';
import { dataFor } from '../../protocol/encryption.js';
import type { ApiEvent, PusherHttpApi } from './http/pusher-http-api.js';
import type { PusherAdapterConfig } from './pusher.settings.js';
import { ChannelQueues } from './requests/channel-queues.js';
import { Dispatch, type Target } from './requests/dispatch.js';
import { EventRequests } from './requests/event-requests.js';
import { questionError, relayLossError } from './requests/loss-error.js';

/** Questions that one call of {@link PusherSocketClient.onlineMembers} has under way at a time. */
const CONCURRENT_QUESTIONS = 8;

const CLOSED = 'It is closed';

/**
 * The port over hosted Pusher, or any server with the same HTTP API, through the official SDK.
 *
 * Relays of one turn of the event loop leave together, in as few requests as the HTTP API's limits allow, unless the
 * configuration says that each relay gets requests of its own. Either way the outcome of a relay is the outcome of its own
 * events; relays to one member or one channel are sent in the order of the calls, a `disconnectMember` among them, and
 * relays to different ones side by side.
 *
 * Nothing is retried here. Where the caller retries, as the configuration says, a relay that fails in a way a retry can help
 * fails the later ones to the same member or channel that have not begun: none overtakes it. A relay that has not begun
 * within the configured timeout is not sent any more, so each call settles within twice that time, however many wait in
 * front of it.
 *
 * The one difference to the port's promises: the HTTP API insists on `data`, so a call without payload arrives with the
 * payload `''` instead of none.
 */
export class PusherSocketClient extends RelayClient {
  readonly #api: PusherHttpApi;
  readonly #config: PusherAdapterConfig;
  readonly #clock: Clock;
  readonly #queues: ChannelQueues;
  #isClosed = false;

  constructor(api: PusherHttpApi, config: PusherAdapterConfig, logger: SocketLogger, clock: Clock) {
    super(config.broadcastChannel);
    const { batching, timeoutMs } = config.pusher;
    const holdsBack = config.delivery.retryDeadlineMs > 0;
    this.#api = api;
    this.#config = config;
    this.#clock = clock;
    const requests = new EventRequests(api, logger, batching, holdsBack);
    this.#queues = new ChannelQueues(requests, clock, timeoutMs, batching, holdsBack);
  }

  /**
   * After a partial failure the error's `lost` are exactly the recipients missed, and it is a `SocketUnavailableError` only
   * if every failed request may succeed later.
   */
  async send(relay: Relay): Promise<void> {
    if (this.#isClosed) throw unavailable('pusher', relay, CLOSED);
    const dispatch = this.#dispatch(relay);
    this.#queues.post(dispatch);
    const losses = await dispatch.losses;
    if (losses.length > 0) throw relayLossError(relay, losses);
  }

  /**
   * Asks once for each member, eight at a time. The HTTP API documents no query for signed-in users; this one counts on a
   * user's own channel being like any other, occupied as long as somebody is subscribed, which `pusher-js` is from its
   * signin on.
   *
   * @throws SocketDeliveryError when one of the questions fails
   */
  async onlineMembers(memberIds: readonly string[]): Promise<ReadonlySet<string>> {
    if (this.#isClosed) throw unanswered('pusher', true, CLOSED);
    try {
      const online = await pMap(
        new Set(memberIds),
        async (id) => ((await this.#api.isOccupied(userChannel(id))) ? id : pMapSkip),
        { concurrency: CONCURRENT_QUESTIONS },
      );
      return new Set(online);
    } catch (failure) {
      throw questionError(failure);
    }
  }

  /** Makes one signed request, so `up` means reachable and with the right credentials. Connections are not told. */
  async health(): Promise<ProviderHealth> {
    if (this.#isClosed) return { status: 'down', connections: null, reason: 'closed' };
    try {
      await this.#api.probe();
      return { status: 'up', connections: null };
    } catch (failure) {
      return { status: 'down', connections: null, reason: messageOf(failure) };
    }
  }

  /** Waits for the relays made before, for one request's timeout at most, then closes the connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await within(this.#clock, this.#config.pusher.timeoutMs, this.#queues.idle(), () => undefined);
    this.#api.close();
  }

  #dispatch({ kind, recipients, event, payload, exceptSocketId }: Relay): Dispatch {
    const isToChannel = kind === 'channel' || kind === 'broadcast';
    const targets = recipients.map((recipient): Target => {
      return { channel: isToChannel ? recipient : userChannel(recipient), recipient };
    });
    if (event === undefined) return new Dispatch(targets, undefined);
    let data = payload?.json ?? '';
    if (isToChannel) data = dataFor(recipients[0] ?? '', this.#config.encryptionMasterKey, data) ?? '';
    return new Dispatch(targets, { name: event, data, exceptSocketId } satisfies ApiEvent);
  }
}
