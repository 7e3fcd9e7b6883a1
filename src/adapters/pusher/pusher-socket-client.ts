import pMap, { pMapSkip } from 'p-map';
import { HistoryRules, relayChannel } from '../../history/history-rules.js';
import { onceKey } from '../../history/once-key.js';
import { type Clock, within } from '../../ports/clock.js';
import { messageOf } from '../../ports/errors.js';
import type { EventLog } from '../../ports/history.js';
import type { SocketLogger } from '../../ports/logger.js';
import { membersUnknown, notAsked, notRemoved, unanswered, unavailable } from '../../ports/losses.js';
import { isToMembers, type Relay } from '../../ports/relay.js';
import { RelayClient } from '../../ports/relay-client.js';
import type { ChannelMember, ProviderHealth } from '../../ports/socket-client.js';
import { userChannel } from '../../protocol/channel-name.js';
import { dataFor } from '../../protocol/encryption.js';
import { enveloped } from './envelope.js';
import type { ApiEvent, PusherHttpApi } from './http/pusher-http-api.js';
import { canRetry, RequestFailure } from './http/request-failure.js';
import type { PusherAdapterConfig } from './pusher.settings.js';
import { ChannelQueues } from './requests/channel-queues.js';
import { Dispatch, type RecipientLoss, type Target } from './requests/dispatch.js';
import { EventRequests } from './requests/event-requests.js';
import { lossFromRequests, unansweredQuestion } from './requests/request-losses.js';

/** The requests that one call of {@link PusherSocketClient.onlineMembers} makes at a time. */
const CONCURRENT_QUESTIONS = 8;

const CLOSED = 'It is closed';

/**
 * The port over hosted Pusher, or any server with the same HTTP API, through the official SDK.
 *
 * With `pusher.batching`, relays of one turn of the event loop are sent together, in as few requests as the HTTP API's limits
 * allow; without it, each relay gets requests of its own. In both cases the outcome of a relay depends on its own events
 * only. Relays to one member or one channel, `disconnectMember` included, are sent in the order of the calls; relays to
 * different ones are sent in parallel.
 *
 * This client retries nothing. When the configuration lets the caller retry, a retryable failure also fails the later relays
 * to the same member or channel that are not sent yet, so that none overtakes the retry. A relay that could not be sent
 * within the configured timeout fails too, so each call settles within twice that time, whatever the length of the queue.
 *
 * The one difference to the port's promises: the HTTP API requires `data`, so a relay without a payload arrives with the
 * payload `''` instead of none.
 */
export class PusherSocketClient extends RelayClient {
  readonly #api: PusherHttpApi;
  readonly #config: PusherAdapterConfig;
  readonly #clock: Clock;
  readonly #queues: ChannelQueues;
  readonly #log: EventLog;
  readonly #rules: HistoryRules;
  /** Whether a relay may come here twice. */
  readonly #isSentAgain: boolean;
  /** Whether the server may be a gateway of ours, which knows events by their keys. Pusher does not document what it does with one. */
  readonly #readsKeys: boolean;
  #isClosed = false;
  /** Settled when the relays so far are posted; `undefined` while none of them waits for a log. */
  #posting: Promise<void> | undefined;

  /** @param log keeps the events of channels with history. {@link close} closes it */
  constructor(
    api: PusherHttpApi,
    config: PusherAdapterConfig,
    logger: SocketLogger,
    clock: Clock,
    log: EventLog,
  ) {
    super(config.broadcastChannel);
    const { batching, timeoutMs, host } = config.pusher;
    const isRetried = config.delivery.retryDeadlineMs > 0;
    this.#api = api;
    this.#config = config;
    this.#clock = clock;
    this.#log = log;
    this.#rules = new HistoryRules(config);
    this.#isSentAgain = isRetried || config.second !== undefined || config.delivery.mode === 'queue';
    this.#readsKeys = host !== undefined && !host.endsWith('.pusher.com');
    const requests = new EventRequests(api, logger, batching, isRetried);
    this.#queues = new ChannelQueues(requests, clock, timeoutMs, batching, isRetried);
  }

  /**
   * After a partial failure the error's `lost` are exactly the missed recipients. It is a `SocketUnavailableError` only when
   * every failed request may succeed later.
   */
  async send(relay: Relay): Promise<void> {
    if (this.#isClosed) throw unavailable('pusher', relay, CLOSED);
    const isKept = relay.event !== undefined && this.#rules.coversRelay(relay);
    let losses: readonly RecipientLoss[];
    if (isKept || this.#posting !== undefined)
      losses = await this.#postInTurn(isKept ? this.#keep(relay) : [this.#dispatch(relay)]);
    else {
      const dispatch = this.#dispatch(relay);
      this.#queues.post(dispatch);
      losses = await dispatch.losses;
    }
    if (losses.length > 0) throw lossFromRequests(relay, losses);
  }

  async #idle(): Promise<void> {
    await this.#posting;
    await this.#queues.idle();
  }

  /** Posts after the relays before it, some of which may still be on their way into the log. */
  async #postInTurn(
    made: Promise<readonly Dispatch[]> | readonly Dispatch[],
  ): Promise<readonly RecipientLoss[]> {
    const posted = Promise.all([made, this.#posting]).then(([dispatches]) => {
      for (const dispatch of dispatches) this.#queues.post(dispatch);
      return dispatches;
    });
    const turn = posted.then(() => {
      if (this.#posting === turn) this.#posting = undefined;
    });
    this.#posting = turn;
    const losses = await Promise.all((await posted).map((dispatch) => dispatch.losses));
    return losses.flat();
  }

  /** Puts a relay into the logs of its recipients, where it gets a position in each. Never rejects: who is missed is in the dispatch. */
  #keep(relay: Relay): Promise<readonly Dispatch[]> {
    const { event: name = '', exceptSocketId } = relay;
    const key = this.#onceKey(relay);
    const kept = this.#targets(relay).map(async (target) => {
      const data = this.#dataFor(relay);
      const event = { event: name, data: data === '' ? undefined : data, exceptSocketId };
      try {
        const position = await this.#log.keep(target.channel, event, key);
        const sent = this.#config.pusher.envelope ? enveloped(target.channel, data, position) : data;
        return new Dispatch([target], this.#event(relay, name, sent));
      } catch (error) {
        const reason = `The history cannot be reached: ${messageOf(error)}`;
        return Dispatch.failed(target, new RequestFailure(reason, { retryable: true }));
      }
    });
    return Promise.all(kept);
  }

  /**
   * Makes one request for each member, eight at a time. The HTTP API documents no query for signed-in users, so this asks
   * whether the user's own channel is occupied: `pusher-js` subscribes to that channel when it signs in.
   *
   * @throws SocketDeliveryError when one of the requests fails
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
      throw unansweredQuestion(failure);
    }
  }

  /** Makes one request. The HTTP API tells the ids only, without the members' info. */
  override async channelMembers(channel: string): Promise<readonly ChannelMember[]> {
    if (this.#isClosed) throw membersUnknown('pusher', true, channel, CLOSED);
    try {
      return (await this.#api.users(channel)).map((id) => ({ id }));
    } catch (failure) {
      throw membersUnknown('pusher', canRetry(failure), channel, messageOf(failure), { cause: failure });
    }
  }

  /** Rejects: hosted Pusher has no such request. */
  override removeFromChannel(channel: string, memberId: string): Promise<void> {
    const reason =
      'Pusher cannot end one subscription. Let the authorizer refuse the member, then call disconnectMember';
    return Promise.reject(notRemoved('pusher', false, channel, memberId, reason));
  }

  /** Rejects: hosted Pusher carries no answer of a browser to the application. */
  override askMember(memberId: string): Promise<unknown> {
    const reason =
      'Pusher carries no answers of browsers to the application. Relay an event, and have the page answer with a request';
    return Promise.reject(notAsked('pusher', false, memberId, reason));
  }

  /** Makes one signed request: `up` means that the API is reachable and accepts the credentials. It reports no connections. */
  async health(): Promise<ProviderHealth> {
    if (this.#isClosed) return { status: 'down', connections: null, reason: 'closed' };
    try {
      await this.#api.probe();
      return { status: 'up', connections: null };
    } catch (failure) {
      return { status: 'down', connections: null, reason: messageOf(failure) };
    }
  }

  /** Waits for the earlier relays, at most for one request's timeout, then closes the connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await within(this.#clock, this.#config.pusher.timeoutMs, this.#idle(), () => undefined);
    this.#api.close();
    this.#log.close();
  }

  #dispatch(relay: Relay): Dispatch {
    const { event: name } = relay;
    const targets = this.#targets(relay);
    if (name === undefined) return new Dispatch(targets, undefined);
    return new Dispatch(targets, this.#event(relay, name, this.#dataFor(relay)));
  }

  #event(relay: Relay, name: string, data: string): ApiEvent {
    const { exceptSocketId } = relay;
    return { name, data, exceptSocketId, key: this.#readsKeys ? this.#onceKey(relay) : undefined };
  }

  #onceKey(relay: Relay): string | undefined {
    return onceKey(relay, this.#isSentAgain);
  }

  #targets(relay: Relay): Target[] {
    return relay.recipients.map((recipient) => ({ channel: relayChannel(relay, recipient), recipient }));
  }

  #dataFor(relay: Relay): string {
    const data = relay.payload?.json ?? '';
    if (isToMembers(relay)) return data;
    return dataFor(relay.recipients[0] ?? '', this.#config.encryptionMasterKey, data) ?? '';
  }
}
