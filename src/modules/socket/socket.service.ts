import { randomUUID } from 'node:crypto';
import { Inject, Injectable, type OnApplicationShutdown, Optional } from '@nestjs/common';
import type { ChannelEventName } from '../../ports/channel-events.js';
import { describeRelay, type Relay, perform } from '../../ports/relay.js';
import { DelayedRelays } from '../../relays/delayed-relays.js';
import type { RelayDelivery } from '../../relays/relay-delivery.js';
import { SocketDeliveryError, SocketUnavailableError } from '../../ports/errors.js';
import type { EventName, PayloadOf } from '../../ports/event-map.js';
import type { ISocketClient, ProviderHealth, SendOptions } from '../../ports/socket-client.js';
import type { Provider } from '../../ports/socket-config.js';
import { AfterCommit } from '../../relays/after-commit.js';
import { type ChannelListener, ChannelListeners } from '../../relays/channel-listeners.js';
import type { Receipt } from '../../relays/receipt.js';
import {
  RELAY_METRICS,
  type RelayCall,
  RelayLog,
  type RelayKind,
  type RelayMetrics,
} from '../../relays/relay-log.js';
import { checkChannel, checkEncryptedSize, checkMemberId, checkRelay } from '../../relays/relay-checks.js';
import { SocketLog } from './socket-log.js';
import { type LostRelay, SOCKET_OPTIONS, type SocketModuleOptions } from './socket-options.js';
import { SocketRuntime } from './socket-runtime.js';

/**
 * The arguments after the event's name: an event declared without payload (`undefined`) needs none, every other one its
 * own.
 */
type Rest<E extends EventName> =
  undefined extends PayloadOf<E>
    ? [payload?: PayloadOf<E>, options?: SendOptions]
    : [payload: PayloadOf<E>, options?: SendOptions];

/**
 * What business code injects. It checks every call once, on every provider alike, gives each relay its message id, and
 * applies the failure policy.
 *
 * A caller's mistake always rejects with a `SocketUsageError` before anything is sent. A provider's failure resolves with
 * a receipt whose status is `failed`, is logged, counted and told to `onRelayError`; with `SOCKET_FAILURE=throw` it
 * rejects with a `SocketDeliveryError` instead. Where the provider is tried again and that can help, it resolves with
 * `queued` after the first attempt, and only what is lost in the end is logged, counted as failed and told.
 */
@Injectable()
export class SocketService implements OnApplicationShutdown {
  private readonly logger = new SocketLog(SocketService.name);
  private readonly client: ISocketClient;
  readonly #delivery: RelayDelivery | undefined;
  readonly #delayedRelays: DelayedRelays;
  readonly #listeners: ChannelListeners;
  readonly #relayLog: RelayLog;
  readonly #afterCommit: AfterCommit;
  #sent = 0;
  #failed = 0;

  constructor(
    private readonly runtime: SocketRuntime,
    @Inject(SOCKET_OPTIONS) private readonly options: SocketModuleOptions,
    @Optional() @Inject(RELAY_METRICS) private readonly metrics?: RelayMetrics,
  ) {
    this.client = runtime.client;
    this.#relayLog = new RelayLog(this.logger, () => runtime.provider, metrics);
    this.#afterCommit = new AfterCommit(this.logger, this.#relayLog);
    this.#delivery = runtime.deliver({
      onRetrying: (order, error, progress) => {
        this.#relayLog.onRetrying(order, error, progress);
      },
      onDelivered: (order, progress) => {
        this.#sent++;
        this.#relayLog.onDelivered(order, progress);
      },
      lost: (order, error, isFirst, progress) => {
        if (isFirst) this.#countFailed(order);
        this.#relayLog.lost(order, error, progress);
        this.#tell({ id: order.id, event: order.event, error });
      },
    });
    const { clock, config } = runtime;
    this.#delayedRelays = new DelayedRelays(clock, config.delivery, (order) => {
      const { kind, event, id } = order;
      void this.#attempt(kind, event, () => () => this.#carry(order), id);
    });
    this.#listeners = new ChannelListeners(runtime.channelEvents, this.logger);
  }

  /** The provider in force: of two, the one that browsers should be on now. */
  get provider(): Provider {
    return this.runtime.provider;
  }

  /**
   * How many calls the provider accepted and how many it did not, be it for one of many members, since the process started;
   * how many wait in this process now, for their time or to be tried again; and how many attempts were made after a first one.
   */
  get relays(): {
    readonly sent: number;
    readonly failed: number;
    readonly queued: number;
    readonly retried: number;
  } {
    const { queued = 0, retried = 0 } = this.#delivery ?? {};
    return { sent: this.#sent, failed: this.#failed, queued: queued + this.#delayedRelays.size, retried };
  }

  /** Sends an event to one member, wherever and however often that member is connected. */
  relayToMember<E extends EventName>(
    memberId: string,
    event: E,
    ...[payload, options]: Rest<E>
  ): Promise<Receipt> {
    return this.#attempt('member', event, () => {
      checkMemberId(memberId);
      const checked = checkRelay(event, payload, options, this.#maximumBytes);
      return (id) => this.#carry({ id, kind: 'member', to: [memberId], event, payload: checked, options });
    });
  }

  /** Sends one event to several members; an id that is listed twice is sent to once. Nobody listed is no error. */
  relayToMembers<E extends EventName>(
    memberIds: readonly string[],
    event: E,
    ...[payload, options]: Rest<E>
  ): Promise<Receipt> {
    return this.#attempt('members', event, () => {
      memberIds.forEach(checkMemberId);
      const checked = checkRelay(event, payload, options, this.#maximumBytes);
      const to = [...memberIds];
      return (id) => this.#carry({ id, kind: 'members', to, event, payload: checked, options });
    });
  }

  /** Sends an event to everybody subscribed to a channel. */
  relayToChannel<E extends EventName>(
    channel: string,
    event: E,
    ...[payload, options]: Rest<E>
  ): Promise<Receipt> {
    return this.#attempt('channel', event, () => {
      checkChannel(channel, this.runtime.config.encryptionMasterKey !== undefined);
      const checked = checkRelay(event, payload, options, this.#maximumBytes);
      checkEncryptedSize(channel, checked, event, this.#maximumBytes);
      return (id) => this.#carry({ id, kind: 'channel', to: [channel], event, payload: checked, options });
    });
  }

  /** Sends an event to everybody on the broadcast channel. */
  broadcast<E extends EventName>(event: E, ...[payload, options]: Rest<E>): Promise<Receipt> {
    return this.#attempt('broadcast', event, () => {
      const checked = checkRelay(event, payload, options, this.#maximumBytes);
      const to = [this.runtime.config.broadcastChannel];
      return (id) => this.#carry({ id, kind: 'broadcast', to, event, payload: checked, options });
    });
  }

  /** Ends every signed-in connection of a member, whose client then stops trying. It may sign in again if `identify` lets it. */
  disconnectMember(memberId: string): Promise<Receipt> {
    return this.#attempt('disconnect', undefined, () => {
      checkMemberId(memberId);
      return (id) => this.#carry({ id, kind: 'disconnect', to: [memberId] });
    });
  }

  /**
   * Which of these members are signed in somewhere right now; `undefined` when the provider could not say (logged, and
   * with `SOCKET_FAILURE=throw` an error).
   */
  async onlineMembers(memberIds: readonly string[]): Promise<ReadonlySet<string> | undefined> {
    memberIds.forEach(checkMemberId);
    try {
      return await this.client.onlineMembers(memberIds);
    } catch (error) {
      if (!this.#isReported(error)) throw error;
      this.logger.warn(`The provider could not say who is online: ${error.message}`);
      return undefined;
    }
  }

  /**
   * Calls back with what happens on channels, at once and in order, until the application is closed or the returned
   * function is called. On `pusher` that takes a webhook to `/socket/webhook` in the app's settings there.
   *
   * What a listener throws or rejects with is logged and harms nobody.
   */
  onChannelEvent<N extends ChannelEventName>(name: N, listener: ChannelListener<N>): () => void {
    return this.#listeners.add(name, listener);
  }

  /**
   * Runs a transaction, and sends what is relayed in it once it has committed: `work` is the transaction from its begin to
   * its commit, and what it resolves with is returned.
   *
   * Every relay, broadcast and disconnect within it, awaited or not and in handlers of domain events too, is checked and its
   * payload read at once, and resolves at once with a receipt that says `queued`. When `work` resolves, they leave in the
   * order they were made, and are not waited for; their failures are logged and told to `onRelayError`, also with
   * `SOCKET_FAILURE=throw`. When it rejects, nothing leaves, and the rejection passes on.
   *
   * Within another `afterCommit` it is a savepoint: its relays wait for the outermost commit, and its own rollback drops its
   * own only. What is made after the end by something that was begun within leaves at once after a commit, and is logged and
   * `dropped` after a rollback.
   */
  afterCommit<T>(work: () => Promise<T>): Promise<T> {
    return this.#afterCommit.run(work);
  }

  /** Once everything is closed, so that what happens on the way out is still told. */
  onApplicationShutdown(): void {
    for (const order of this.#delayedRelays.close()) {
      const error = this.#unsent(order, 'the application ends before its time');
      this.#countFailed(order);
      this.#relayLog.lost(order, error);
      this.#tell({ id: order.id, event: order.event, error });
    }
    this.#listeners.release();
    this.metrics?.release();
  }

  /** How the provider is doing, asked now, and what waits for it. Never rejects. */
  async health(): Promise<ProviderHealth> {
    const health = await this.client.health();
    if (this.#delivery === undefined) return health;
    const delivery = await this.#delivery.health();
    const { problem } = delivery;
    // What can be relayed cannot be handed in.
    if (problem !== undefined && health.status === 'up')
      return { ...health, status: 'degraded', reason: problem, delivery };
    return { ...health, delivery };
  }

  get #maximumBytes(): number {
    return this.runtime.config.gateway.limits.eventBytes;
  }

  /**
   * What `check` throws is a rejection like what it returns rejects with: these methods never throw.
   *
   * @param heldAs the message id of what was checked and held back before: that is sent now, and its failure reported, because
   * its caller cannot be reached any more
   */
  async #attempt(
    kind: RelayKind,
    event: string | undefined,
    check: () => (id: string) => Promise<unknown>,
    heldAs?: string,
  ): Promise<Receipt> {
    const call = { id: heldAs ?? randomUUID(), kind, event };
    const { id } = call;
    const calledAt = performance.now();
    try {
      const send = check();
      if (heldAs === undefined && this.#afterCommit.isEntered) {
        const later = () => this.#attempt(kind, event, () => send, id);
        const held = this.#afterCommit.take({ ...call, send: later });
        if (held !== undefined) return { id, status: held };
      }
      if ((await send(id)) === 'queued') {
        this.#relayLog.queued(call);
        return { id, status: 'queued' };
      }
      this.#sent++;
      this.#relayLog.sent(call, performance.now() - calledAt);
      return { id, status: 'sent' };
    } catch (error) {
      if (error instanceof SocketDeliveryError) this.#countFailed(call);
      if (!this.#isReported(error, heldAs !== undefined)) throw error;
      this.#relayLog.lost(call, error, { attempts: 1, milliseconds: performance.now() - calledAt });
      this.#tell({ id, event, error });
      return { id, status: 'failed', error };
    }
  }

  /** Resolves with `queued` where it will be sent later or tried again, and with anything else where the provider has accepted it. */
  #carry(order: Relay & { readonly options?: SendOptions | undefined }): Promise<unknown> {
    const delayMs = order.options?.delayMs ?? 0;
    if (delayMs > 0) return this.#postpone(order, delayMs);
    return this.#delivery === undefined ? perform(this.client, order) : this.#delivery.send(order);
  }

  #postpone(asked: Relay, delayMs: number): Promise<'sent' | 'queued'> {
    const { exceptSocketId } = asked.options ?? {};
    const order = { ...asked, options: exceptSocketId === undefined ? undefined : { exceptSocketId } };
    if (this.#delivery?.takesDelays === true) return this.#delivery.send({ ...order, delayMs });
    const refusal = this.#delayedRelays.hold(order, delayMs);
    if (refusal === undefined) return Promise.resolve('queued');
    return Promise.reject(this.#unsent(order, refusal));
  }

  #unsent(order: Relay, reason: string): SocketUnavailableError {
    const { provider } = this;
    const message = `The provider "${provider}" did not get ${describeRelay(order)} to ${order.to.join()}: ${reason}`;
    return new SocketUnavailableError(message, { provider, lost: order.to });
  }

  #isReported(error: unknown, always = false): error is SocketDeliveryError {
    return error instanceof SocketDeliveryError && (always || this.runtime.config.failure === 'report');
  }

  #countFailed(call: RelayCall): void {
    this.#failed++;
    this.#relayLog.failed(call);
  }

  #tell(lost: LostRelay): void {
    const failed = (error: unknown) => {
      this.logger.error(`onRelayError failed for relay ${lost.id}: ${String(error)}`, { id: lost.id });
    };
    try {
      // It may be async, although its type does not ask for it.
      void Promise.resolve(this.options.onRelayError?.(lost)).catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}
