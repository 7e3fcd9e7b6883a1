import { HistoryRules } from '../history/history-rules.js';
import { checkFunction } from '../ports/arguments.js';
import type { ChannelEventName } from '../ports/channel-events.js';
import { SocketDeliveryError } from '../ports/errors.js';
import type { EventName, PayloadOf } from '../ports/event-map.js';
import { unavailable } from '../ports/losses.js';
import type { Relay } from '../ports/relay.js';
import type { AskOptions, ChannelMember, ProviderHealth, RelayOptions } from '../ports/socket-client.js';
import type { Provider } from '../ports/socket-config.js';
import { AfterCommit } from './after-commit.js';
import { CallOrder, type CheckedRelay } from './call-order.js';
import { ChannelHistory, type HistoryEntry, type HistoryOf, type HistoryOptions } from './channel-history.js';
import { type ChannelListener, ChannelListeners } from './channel-listeners.js';
import { DelayedRelays } from './delayed-relays.js';
import { IdempotentRelays } from './idempotent-relays.js';
import type { Receipt } from './receipt.js';
import {
  checkAuthorizedChannel,
  checkChannelEvent,
  checkedAsk,
  checkedDisconnect,
  checkedRelay,
  checkedRelayToMembers,
  checkMemberId,
  checkMemberIds,
  checkPresenceChannel,
  type RelayRules,
} from './relay-checks.js';
import type { RelayDelivery } from './relay-delivery.js';
import { RelayReporter, type ReportTargets } from './relay-reporter.js';
import type { RelayRuntime } from './relay-runtime.js';

/**
 * The arguments after the event's name: an event declared without payload (`undefined`) needs none, every other one its
 * own.
 */
type Rest<E extends EventName> =
  undefined extends PayloadOf<E>
    ? [payload?: PayloadOf<E>, options?: RelayOptions]
    : [payload: PayloadOf<E>, options?: RelayOptions];

/** The counts of {@link Relays.relays}. All but `queued` begin with the process. */
export interface RelayCounts {
  /** Calls that the provider accepted for all their recipients. */
  readonly sent: number;
  /** Calls that were lost to at least one of their recipients. */
  readonly failed: number;
  /** Relays that wait in this process now, for their delay or for another attempt. */
  readonly queued: number;
  /** Attempts after the first one of each relay. */
  readonly retried: number;
}

/**
 * Relays events. Every call goes the same way: it is checked and becomes a {@link Relay} with a message id; an open
 * transaction holds it until the commit; a delay holds it until its time; the delivery, or else the port itself, carries it
 * to the provider; the outcome is reported, and the call resolves with a {@link Receipt}.
 *
 * A caller's mistake always rejects with a `SocketUsageError` before anything is sent. A provider's failure resolves with
 * a receipt whose status is `failed`, and is logged, counted and passed to `onRelayError`; with `SOCKET_FAILURE=throw` it
 * rejects with a `SocketDeliveryError` instead. Where failed attempts are repeated, and a retry can help, the call resolves
 * with `queued` after the first attempt, and only the final loss is logged, counted as failed and passed to `onRelayError`.
 */
export class Relays {
  readonly #runtime: RelayRuntime;
  readonly #rules: RelayRules;
  readonly #callOrder = new CallOrder();
  readonly #afterCommit: AfterCommit;
  readonly #delayed: DelayedRelays;
  readonly #delivery: RelayDelivery | undefined;
  readonly #reporter: RelayReporter;
  readonly #idempotent: IdempotentRelays;
  readonly #listeners: ChannelListeners;
  readonly #history: ChannelHistory;

  /** Makes the delivery in front of the provider, so there is one `Relays` for each runtime. */
  constructor(runtime: RelayRuntime, targets: ReportTargets) {
    const { config, clock, channelEvents } = runtime;
    const { logger } = targets;
    const sendUnattended = (relay: CheckedRelay) => this.#send(relay, { isUnattended: true });
    this.#runtime = runtime;
    this.#rules = {
      maximumBytes: config.maxEventBytes,
      hasMasterKey: config.encryptionMasterKey !== undefined,
      hasEncryptedChannels: runtime.hasEncryptedChannels,
      logger,
    };
    const historyRules = new HistoryRules(config);
    this.#history = new ChannelHistory(runtime, this.#rules, historyRules);
    this.#reporter = new RelayReporter(targets, () => runtime.provider);
    this.#afterCommit = new AfterCommit(logger, sendUnattended);
    this.#delayed = new DelayedRelays(clock, config.delivery, (relay) => void sendUnattended(relay));
    this.#idempotent = new IdempotentRelays(historyRules, runtime);
    this.#delivery = runtime.deliver({
      onRetrying: (relay, error, progress) => {
        this.#reporter.retrying(relay, error, progress);
      },
      onDelivered: (relay, progress) => {
        this.#idempotent.settled(relay);
        this.#reporter.delivered(relay, progress);
      },
      onLost: (relay, error, isFirst, progress) => {
        if (isFirst) this.#reporter.failed(relay);
        this.#idempotent.lost(relay, error.lost);
        this.#reporter.lost(relay, error, progress);
      },
    });
    this.#listeners = new ChannelListeners(channelEvents, logger);
    // Last, so that listeners still get the channel events of the shutdown itself.
    runtime.onClosed(() => {
      this.#release();
    });
  }

  /** The name of the provider in force: of two, the one that browsers should be on now. */
  get provider(): Provider {
    return this.#runtime.provider;
  }

  /** How many relays were sent, failed and were retried since the process started, and how many are queued now. */
  get relays(): RelayCounts {
    const { queued = 0, retried = 0 } = this.#delivery ?? {};
    const { sentCount, failedCount } = this.#reporter;
    return { sent: sentCount, failed: failedCount, queued: queued + this.#delayed.size, retried };
  }

  /**
   * Sends an event to one member, on all the member's connections.
   *
   * @throws SocketUsageError for a bad member id, event name, payload or option; nothing was sent then
   * @throws SocketDeliveryError when it is lost and `SOCKET_FAILURE` is `throw`
   */
  relayToMember<E extends EventName>(
    memberId: string,
    event: E,
    ...[payload, options]: Rest<E>
  ): Promise<Receipt> {
    return this.#submit(() => checkedRelay('member', [memberId], event, payload, options, this.#rules));
  }

  /**
   * Sends one event to several members. A member who is listed twice gets the event once. An empty list is no error. To many
   * members it is sent in slices, which do not hold the event loop; the order for each member stays.
   *
   * @throws SocketUsageError, SocketDeliveryError as {@link relayToMember} does; the latter names the members who were missed
   */
  relayToMembers<E extends EventName>(
    memberIds: readonly string[],
    event: E,
    ...[payload, options]: Rest<E>
  ): Promise<Receipt> {
    return this.#submit(() => checkedRelayToMembers(memberIds, event, payload, options, this.#rules));
  }

  /**
   * Sends an event to all subscribers of a channel.
   *
   * @throws SocketUsageError, SocketDeliveryError as {@link relayToMember} does
   */
  relayToChannel<E extends EventName>(
    channel: string,
    event: E,
    ...[payload, options]: Rest<E>
  ): Promise<Receipt> {
    return this.#submit(() => checkedRelay('channel', [channel], event, payload, options, this.#rules));
  }

  /**
   * Sends an event to all subscribers of the broadcast channel.
   *
   * @throws SocketUsageError, SocketDeliveryError as {@link relayToMember} does
   */
  broadcast<E extends EventName>(event: E, ...[payload, options]: Rest<E>): Promise<Receipt> {
    const { broadcastChannel } = this.#runtime.config;
    return this.#submit(() =>
      checkedRelay('broadcast', [broadcastChannel], event, payload, options, this.#rules),
    );
  }

  /**
   * Ends every signed-in connection of a member; the member's clients do not reconnect by themselves. The member may sign in
   * again if `identify` allows it.
   *
   * @throws SocketUsageError, SocketDeliveryError as {@link relayToMember} does
   */
  disconnectMember(memberId: string): Promise<Receipt> {
    return this.#submit(() => checkedDisconnect(memberId));
  }

  /**
   * Those of the given members who are signed in somewhere right now; `undefined` when the provider did not answer, which is
   * logged.
   *
   * @throws SocketUsageError for a bad member id
   * @throws SocketDeliveryError when the provider did not answer and `SOCKET_FAILURE` is `throw`
   */
  async onlineMembers(memberIds: readonly string[]): Promise<ReadonlySet<string> | undefined> {
    checkMemberIds(memberIds);
    return this.#answered(
      () => this.#runtime.client.onlineMembers(memberIds),
      'The online members are unknown: ',
    );
  }

  /**
   * The members of a presence channel right now, on all nodes, each once; `undefined` when the provider did not answer, which is
   * logged. A member who has just left is listed until the grace period is over, as browsers have it. On `pusher` members have no
   * `info`.
   *
   * @throws SocketUsageError for a bad name, or a channel that is no presence channel
   * @throws SocketDeliveryError when the provider did not answer and `SOCKET_FAILURE` is `throw`
   */
  async channelMembers(channel: string): Promise<readonly ChannelMember[] | undefined> {
    checkPresenceChannel(channel);
    return this.#answered(() => this.#runtime.client.channelMembers(channel));
  }

  /**
   * The last events of a channel, or of a member (`{ member: 'ada' }`), that are kept, the oldest first; `undefined` when the log
   * could not be reached, which is logged. It tells nothing from before the process with the log, or Redis, was started.
   *
   * @throws SocketUsageError for a bad argument, and for a channel that no entry of `SOCKET_HISTORY` covers
   * @throws SocketDeliveryError when the log could not be reached and `SOCKET_FAILURE` is `throw`
   */
  async history(of: HistoryOf, options?: HistoryOptions): Promise<readonly HistoryEntry[] | undefined> {
    return this.#answered(() => this.#history.latest(of, options));
  }

  /**
   * The live position of a channel, or of a member: a page that starts from it gets every event after this call. Read it before
   * the state that the page shows. It is `undefined` when the log could not be reached, which is logged.
   *
   * @throws SocketUsageError, SocketDeliveryError as {@link history} does
   */
  async livePosition(of: HistoryOf): Promise<string | undefined> {
    return this.#answered(() => this.#history.live(of));
  }

  /**
   * Takes a member out of a private or presence channel, now and on all nodes: ends the subscriptions of every connection that is
   * signed in as the member, or present as the member there. The member's pages get `pusher:subscription_error`, and the others
   * on a presence channel `pusher:member_removed` at once. Let the authorizer refuse the member before, or the page may come back.
   *
   * It is sent at once, also inside `afterCommit`, and never queued or tried again. It rejects whatever `SOCKET_FAILURE` says.
   *
   * @throws SocketUsageError for a bad name or member id, and for a public channel
   * @throws SocketRejectedError on `pusher`, which cannot do it
   * @throws SocketUnavailableError when other nodes could not be reached; this node's connections are removed all the same
   */
  async removeFromChannel(channel: string, memberId: string): Promise<void> {
    checkAuthorizedChannel(channel);
    checkMemberId(memberId);
    await this.#runtime.client.removeFromChannel(channel, memberId);
  }

  /**
   * Asks a member through the member's browsers, on all nodes: every page that has `socket.answer(event, …)` may answer, and the
   * first answer counts. Resolves with it as JSON carried it, so check it: it comes from outside. It is asked at once, also inside
   * `afterCommit`, and never queued or tried again. It rejects whatever `SOCKET_FAILURE` says.
   *
   * @throws SocketUsageError for a bad member id, event name, payload or option
   * @throws SocketNoAnswerError that names the member, when no browser answers in time, or there is none
   * @throws SocketRejectedError on `pusher`, which carries no answers
   */
  async askMember(
    memberId: string,
    event: string,
    payload?: unknown,
    options?: AskOptions,
  ): Promise<unknown> {
    const ask = checkedAsk(memberId, event, payload, options, this.#rules);
    return this.#runtime.client.askMember(memberId, event, ask.payload, ask.timeoutMs);
  }

  /**
   * Calls the listener with every channel event of this name, at once and in order, until the returned function is called or
   * the application is closed. On `pusher` this needs a webhook to `/socket/webhook` in the app's settings there.
   *
   * An error of a listener is logged, and does not reach other listeners.
   *
   * @throws SocketUsageError `INVALID_ARGUMENT` when there is no channel event of this name, or no listener
   */
  onChannelEvent<N extends ChannelEventName>(name: N, listener: ChannelListener<N>): () => void {
    checkChannelEvent(name);
    checkFunction('onChannelEvent(name, listener): listener', listener);
    return this.#listeners.add(name, listener);
  }

  /**
   * Runs a transaction, and sends the relays made in it once it has committed: `work` is the transaction from its begin to
   * its commit, and its result is returned.
   *
   * Every relay, broadcast and disconnect within it, awaited or not and in handlers of domain events too, is checked and its
   * payload read at once, and resolves at once with a receipt whose status is `queued`. When `work` resolves, they are sent
   * in the order of the calls. `afterCommit` does not wait for them; their failures are logged and passed to `onRelayError`,
   * also with `SOCKET_FAILURE=throw`. When `work` rejects, nothing is sent, and the rejection passes on.
   *
   * Within another `afterCommit` it is a savepoint: its relays wait for the outermost commit, and its own rollback drops only
   * its own relays. A relay can also be made after the end, by work that began within: it is sent at once after a commit, and
   * is logged and `dropped` after a rollback.
   *
   * @throws SocketUsageError `INVALID_ARGUMENT` when it does not get a function; as a promise the transaction has begun already
   */
  async afterCommit<T>(work: () => Promise<T>): Promise<T> {
    checkFunction(
      'afterCommit(work): work',
      work,
      ' that runs the transaction, like () => dataSource.transaction(…)',
    );
    return this.#afterCommit.run(work);
  }

  /** The provider's health, asked now, with the number of relays that wait for it. Never rejects. */
  async health(): Promise<ProviderHealth> {
    const health = await this.#runtime.health();
    if (this.#delivery === undefined) return health;
    const delivery = await this.#delivery.health();
    const { problem } = delivery;
    // The provider is up, but the queue cannot accept.
    if (problem !== undefined && health.status === 'up')
      return { ...health, status: 'degraded', reason: problem, delivery };
    return { ...health, delivery };
  }

  /** Reports the relays that still wait for their delay as lost, and removes every listener. The last step of a shutdown. */
  #release(): void {
    this.#delayed.close((relay) => {
      const reason = 'the application closed before its delay was over';
      this.#reporter.failed(relay);
      this.#reporter.lost(relay, unavailable(this.provider, relay, reason));
    });
    this.#listeners.release();
    this.#reporter.release();
  }

  /** Asks the provider. Where failures are reported, a question without an answer resolves with `undefined`. */
  async #answered<T>(ask: () => Promise<T>, prefix = ''): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof SocketDeliveryError) || !this.#isReporting) throw error;
      this.#reporter.unanswered(error, prefix + error.message);
      return undefined;
    }
  }

  /** Makes a relay and sends or holds it. Never throws: a caller's mistake is a rejection too. */
  async #submit(make: () => CheckedRelay): Promise<Receipt> {
    const made = make();
    // To nobody: there is nothing to hold, to queue or to wait for.
    const isToNobody = !(made instanceof Promise) && made.recipients.length === 0;
    const status = isToNobody ? undefined : this.#afterCommit.hold(made);
    if (status === undefined) return this.#send(made, { isUnattended: false });
    const relay = made instanceof Promise ? await made : made;
    if (status === 'dropped') this.#reporter.dropped(relay);
    return { id: relay.id, status };
  }

  /**
   * Sends a relay, and reports its outcome.
   *
   * @param options `isUnattended`: the call was already answered with a receipt, so a failure is reported and does not reject
   */
  async #send(checked: CheckedRelay, { isUnattended }: { readonly isUnattended: boolean }): Promise<Receipt> {
    const inOrder = this.#callOrder.next(checked);
    const made = inOrder instanceof Promise ? await inOrder : inOrder;
    const { id } = made;
    const { clock } = this.#runtime;
    const startedAt = clock.now();
    let relay = made;
    try {
      if (this.#idempotent.mustClaim(made)) relay = await this.#callOrder.next(this.#idempotent.claim(made));
      if ((await this.#carry(relay)) === 'queued') {
        // A queue may have another process settle it.
        if (this.#delivery?.handlesDelays === true) this.#idempotent.settled(relay);
        this.#reporter.queued(relay);
        return { id, status: 'queued' };
      }
      this.#idempotent.settled(relay);
      this.#reporter.sent(relay, clock.now() - startedAt);
      return { id, status: 'sent' };
    } catch (error) {
      if (!(error instanceof SocketDeliveryError)) throw error;
      this.#idempotent.lost(relay, error.lost);
      this.#reporter.failed(relay);
      if (!isUnattended && !this.#isReporting) throw error;
      this.#reporter.lost(relay, error, { attempts: 1, milliseconds: clock.now() - startedAt });
      return { id, status: 'failed', error };
    }
  }

  /** Carries a relay one step on. Resolves with `queued` where it waits, and with anything else where the port has taken it. */
  #carry(relay: Relay): Promise<unknown> {
    if (relay.recipients.length === 0) return Promise.resolve('sent');
    const delivery = this.#delivery;
    if (relay.delayMs !== undefined && delivery?.handlesDelays !== true) return this.#delay(relay);
    return delivery === undefined ? this.#runtime.client.send(relay) : delivery.send(relay);
  }

  #delay(relay: Relay): Promise<'queued'> {
    const refusal = this.#delayed.add(relay);
    if (refusal === undefined) return Promise.resolve('queued');
    return Promise.reject(unavailable(this.provider, relay, refusal));
  }

  get #isReporting(): boolean {
    return this.#runtime.config.failure === 'report';
  }
}
