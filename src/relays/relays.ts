import type { ChannelEventName } from '../ports/channel-events.js';
import type { Clock } from '../ports/clock.js';
import { SocketDeliveryError, type SocketUnavailableError } from '../ports/errors.js';
import type { EventName, PayloadOf } from '../ports/event-map.js';
import type { SocketLogger } from '../ports/logger.js';
import { unavailable } from '../ports/losses.js';
import type { Relay } from '../ports/relay.js';
import type { SocketClient } from '../ports/relay-client.js';
import type { ProviderHealth, SendOptions } from '../ports/socket-client.js';
import type { Provider, SocketConfig } from '../ports/socket-config.js';
import { AfterCommit } from './after-commit.js';
import { type ChannelEventFeed, type ChannelListener, ChannelListeners } from './channel-listeners.js';
import { DelayedRelays } from './delayed-relays.js';
import type { LostRelay, Receipt } from './receipt.js';
import { checkedDisconnect, checkedRelay, checkMemberId, type RelayRules } from './relay-checks.js';
import type { DeliveryListener, RelayDelivery } from './relay-delivery.js';
import { RelayLog, type RelayMetrics } from './relay-log.js';

/**
 * The arguments after the event's name: an event declared without payload (`undefined`) needs none, every other one its
 * own.
 */
type Rest<E extends EventName> =
  undefined extends PayloadOf<E>
    ? [payload?: PayloadOf<E>, options?: SendOptions]
    : [payload: PayloadOf<E>, options?: SendOptions];

/** The surroundings of {@link Relays}. */
export interface RelaysParts {
  readonly config: SocketConfig;
  readonly client: SocketClient;
  readonly clock: Clock;
  readonly logger: SocketLogger;
  /** The provider in force now. */
  readonly provider: () => Provider;
  readonly channelEvents: ChannelEventFeed;
  /** Makes the delivery that retries or queues; `undefined` where each relay is attempted once. */
  readonly deliver: (listener: DeliveryListener) => RelayDelivery | undefined;
  readonly metrics?: RelayMetrics | undefined;
  /** Told about every lost relay whose call could not reject. A throw or a rejection is logged. */
  readonly onRelayError?: ((lost: LostRelay) => unknown) | undefined;
}

/**
 * Relays events: checks every call once, on every provider alike, gives each relay its message id, and applies the failure
 * policy.
 *
 * A caller's mistake always rejects with a `SocketUsageError` before anything is sent. A provider's failure resolves with
 * a receipt whose status is `failed`, and is logged, counted and told to `onRelayError`; with `SOCKET_FAILURE=throw` it
 * rejects with a `SocketDeliveryError` instead. Where failed attempts are repeated, and a repetition can help, the call
 * resolves with `queued` after the first attempt; only the final loss is logged, counted as failed and told.
 */
export class Relays {
  readonly #parts: RelaysParts;
  readonly #rules: RelayRules;
  readonly #delivery: RelayDelivery | undefined;
  readonly #delayed: DelayedRelays;
  readonly #listeners: ChannelListeners;
  readonly #log: RelayLog;
  readonly #afterCommit: AfterCommit;
  #sent = 0;
  #failed = 0;

  constructor(parts: RelaysParts) {
    const { config, clock, logger, provider, metrics, channelEvents } = parts;
    this.#parts = parts;
    this.#rules = {
      maximumBytes: config.maxEventBytes,
      hasMasterKey: config.encryptionMasterKey !== undefined,
    };
    this.#log = new RelayLog(logger, provider, metrics);
    this.#afterCommit = new AfterCommit(logger, (relay) => this.#send(relay, true));
    this.#delayed = new DelayedRelays(clock, config.delivery, ({ delayMs: _, ...relay }) => {
      void this.#send(relay, true);
    });
    this.#listeners = new ChannelListeners(channelEvents, logger);
    this.#delivery = parts.deliver({
      onRetrying: (relay, error, progress) => {
        this.#log.retrying(relay, error, progress);
      },
      onDelivered: (relay, progress) => {
        this.#sent++;
        this.#log.delivered(relay, progress);
      },
      onLost: (relay, error, isFirst, progress) => {
        if (isFirst) this.#countFailed(relay);
        this.#log.lost(relay, error, progress);
        this.#tell(relay, error);
      },
    });
  }

  /** The provider in force: of two, the one that browsers should be on now. */
  get provider(): Provider {
    return this.#parts.provider();
  }

  /**
   * Counts since the process started: calls that the provider accepted (`sent`), calls that it did not accept, be it for one
   * of many members (`failed`), and attempts after a first one (`retried`). `queued` is how many relays wait in this process
   * now, for their time or for another attempt.
   */
  get relays(): {
    readonly sent: number;
    readonly failed: number;
    readonly queued: number;
    readonly retried: number;
  } {
    const { queued = 0, retried = 0 } = this.#delivery ?? {};
    return { sent: this.#sent, failed: this.#failed, queued: queued + this.#delayed.size, retried };
  }

  /** Sends an event to one member, wherever and however often that member is connected. */
  relayToMember<E extends EventName>(
    memberId: string,
    event: E,
    ...[payload, options]: Rest<E>
  ): Promise<Receipt> {
    return this.#submit(() => checkedRelay('member', [memberId], event, payload, options, this.#rules));
  }

  /** Sends one event to several members; an id that is listed twice is sent to once. An empty list is no error. */
  relayToMembers<E extends EventName>(
    memberIds: readonly string[],
    event: E,
    ...[payload, options]: Rest<E>
  ): Promise<Receipt> {
    return this.#submit(() => checkedRelay('members', memberIds, event, payload, options, this.#rules));
  }

  /** Sends an event to everybody subscribed to a channel. */
  relayToChannel<E extends EventName>(
    channel: string,
    event: E,
    ...[payload, options]: Rest<E>
  ): Promise<Receipt> {
    return this.#submit(() => checkedRelay('channel', [channel], event, payload, options, this.#rules));
  }

  /** Sends an event to everybody on the broadcast channel. */
  broadcast<E extends EventName>(event: E, ...[payload, options]: Rest<E>): Promise<Receipt> {
    const { broadcastChannel } = this.#parts.config;
    return this.#submit(() =>
      checkedRelay('broadcast', [broadcastChannel], event, payload, options, this.#rules),
    );
  }

  /** Ends every signed-in connection of a member, whose client then stops trying. It may sign in again if `identify` lets it. */
  disconnectMember(memberId: string): Promise<Receipt> {
    return this.#submit(() => checkedDisconnect(memberId));
  }

  /**
   * The members, of these, who are signed in somewhere right now; `undefined` when the provider could not say (logged, and
   * with `SOCKET_FAILURE=throw` an error).
   */
  async onlineMembers(memberIds: readonly string[]): Promise<ReadonlySet<string> | undefined> {
    memberIds.forEach(checkMemberId);
    try {
      return await this.#parts.client.onlineMembers(memberIds);
    } catch (error) {
      if (!(error instanceof SocketDeliveryError) || !this.#isReporting) throw error;
      this.#parts.logger.warn(`The provider could not say who is online: ${error.message}`);
      return undefined;
    }
  }

  /**
   * Calls back with what happens on channels, at once and in order, until the application is closed or the returned
   * function is called. On `pusher` that takes a webhook to `/socket/webhook` in the app's settings there.
   *
   * A listener that throws or rejects is logged and harms nobody.
   */
  onChannelEvent<N extends ChannelEventName>(name: N, listener: ChannelListener<N>): () => void {
    return this.#listeners.add(name, listener);
  }

  /**
   * Runs a transaction, and sends the relays made in it once it has committed: `work` is the transaction from its begin to
   * its commit, and its result is returned.
   *
   * Every relay, broadcast and disconnect within it, awaited or not and in handlers of domain events too, is checked and its
   * payload read at once, and resolves at once with a receipt that says `queued`. When `work` resolves, they leave in the
   * order of the calls, and are not waited for; their failures are logged and told to `onRelayError`, also with
   * `SOCKET_FAILURE=throw`. When it rejects, nothing leaves, and the rejection passes on.
   *
   * Within another `afterCommit` it is a savepoint: its relays wait for the outermost commit, and its own rollback drops its
   * own only. A relay that is made after the end, by something that was begun within, leaves at once after a commit, and is
   * logged and `dropped` after a rollback.
   */
  afterCommit<T>(work: () => Promise<T>): Promise<T> {
    return this.#afterCommit.run(work);
  }

  /** How the provider is doing, asked now, and how much waits for it. Never rejects. */
  async health(): Promise<ProviderHealth> {
    const health = await this.#parts.client.health();
    if (this.#delivery === undefined) return health;
    const delivery = await this.#delivery.health();
    const { problem } = delivery;
    // The provider is up, but the queue cannot accept.
    if (problem !== undefined && health.status === 'up')
      return { ...health, status: 'degraded', reason: problem, delivery };
    return { ...health, delivery };
  }

  /** Reports the relays that still wait for their time as lost, and stops every listener. The last step of a shutdown. */
  protected release(): void {
    for (const relay of this.#delayed.close()) {
      const error = this.#unsent(relay, 'the application ends before its time');
      this.#countFailed(relay);
      this.#log.lost(relay, error);
      this.#tell(relay, error);
    }
    this.#listeners.release();
    this.#parts.metrics?.release();
  }

  /** These methods never throw: a caller's mistake is a rejection too. */
  #submit(make: () => Relay): Promise<Receipt> {
    let relay: Relay;
    try {
      relay = make();
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as it came
      return Promise.reject(error);
    }
    const held = this.#afterCommit.hold(relay);
    if (held === undefined) return this.#send(relay, false);
    if (held === 'dropped') this.#log.dropped(relay);
    return Promise.resolve({ id: relay.id, status: held });
  }

  /** @param isUnattended whether the caller was answered before, so that a failure can only be reported */
  async #send(relay: Relay, isUnattended: boolean): Promise<Receipt> {
    const { id } = relay;
    const sentAt = performance.now();
    try {
      if ((await this.#carry(relay)) === 'queued') {
        this.#log.queued(relay);
        return { id, status: 'queued' };
      }
      this.#sent++;
      this.#log.sent(relay, performance.now() - sentAt);
      return { id, status: 'sent' };
    } catch (error) {
      if (!(error instanceof SocketDeliveryError)) throw error;
      this.#countFailed(relay);
      if (!isUnattended && !this.#isReporting) throw error;
      this.#log.lost(relay, error, { attempts: 1, milliseconds: performance.now() - sentAt });
      this.#tell(relay, error);
      return { id, status: 'failed', error };
    }
  }

  /** Resolves with `queued` where the relay is sent later, and with anything else where the provider has accepted it. */
  #carry(relay: Relay): Promise<unknown> {
    const delivery = this.#delivery;
    if (relay.delayMs !== undefined && delivery?.handlesDelays !== true) return this.#delay(relay);
    return delivery === undefined ? this.#parts.client.send(relay) : delivery.send(relay);
  }

  #delay(relay: Relay): Promise<'queued'> {
    const refusal = this.#delayed.add(relay);
    if (refusal === undefined) return Promise.resolve('queued');
    return Promise.reject(this.#unsent(relay, refusal));
  }

  #unsent(relay: Relay, reason: string): SocketUnavailableError {
    return unavailable(this.provider, relay, reason);
  }

  get #isReporting(): boolean {
    return this.#parts.config.failure === 'report';
  }

  #countFailed(relay: Relay): void {
    this.#failed++;
    this.#log.failed(relay);
  }

  #tell({ id, event }: Relay, error: SocketDeliveryError): void {
    const failed = (reason: unknown) => {
      this.#parts.logger.error(`onRelayError failed for relay ${id}: ${String(reason)}`, { id });
    };
    try {
      // It may be async, although its type does not ask for it.
      void Promise.resolve(this.#parts.onRelayError?.({ id, event, error })).catch(failed);
    } catch (reason) {
      failed(reason);
    }
  }
}
