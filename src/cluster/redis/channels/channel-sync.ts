import type { Clock } from '../../../ports/clock.js';
import type { ClusterNode } from '../../../ports/cluster.js';
import type { User } from '../../../ports/user.js';
import { channelType, isUserChannel } from '../../../protocol/channel-name.js';
import type { OccupancyChange, SyncReply } from '../scripts/occupancy-messages.js';
import type { WatchedUsers } from '../watched-users.js';
import { canBeginGrace, ChannelState, type SentReport } from './channel-state.js';
import { EarliestTimer } from './earliest-timer.js';
import type { OccupancyStore } from './occupancy-store.js';
import type { PresenceLimits } from './offline-roster.js';
import { type JoinCallback, type PendingJoin, PendingJoins } from './pending-joins.js';
import { NO_PRESENCE, Presence, type RosterChange } from './presence.js';
import type { RecoveryWindow } from './recovery-window.js';
import { StepLoop, type Steps } from './step-loop.js';

/** Timers and Redis's clock do not run in step, so a timer rings a little after the time that Redis said. */
const TIMER_SLACK_MS = 5;

/** The parts that all channels of a node share. */
export interface SyncContext {
  readonly store: Pick<OccupancyStore, keyof OccupancyStore>;
  readonly clock: Clock;
  readonly self: ClusterNode;
  readonly watched: Pick<WatchedUsers, 'learn'>;
  readonly limits: PresenceLimits;
  /** While the window is open, members whom Redis does not have yet have to wait. */
  readonly recovery: Pick<RecoveryWindow, 'isOpen'>;
  readonly inTurn: Steps['inTurn'];
  /** Called when a step or a callback failed. */
  readonly failed: (channel: string, error: unknown) => void;
  /** Called when this node has no part in the channel any more. */
  readonly forget: (channel: string) => void;
}

/**
 * Keeps Redis up to date with what this node has on one channel. Callers change the desired state at once; then one step
 * after the other reports it to Redis and applies the reply. A step reports everything that has changed since the last
 * one, so nothing piles up while Redis is away, and the first step after that is a step like any other.
 */
export class ChannelSync {
  readonly name: string;
  readonly #context: SyncContext;
  readonly #state: ChannelState;
  readonly #joins: PendingJoins;
  readonly #loop: StepLoop;
  /** Rings at the end of a grace period, when a count may be announced, and when a failed step is repeated. */
  readonly #timer: EarliestTimer;
  #isClosed = false;

  constructor(name: string, context: SyncContext) {
    this.name = name;
    this.#context = context;
    const isPresence = channelType(name).access === 'presence';
    this.#state = new ChannelState(isPresence ? this.#newPresence() : NO_PRESENCE);
    this.#joins = new PendingJoins((error) => {
      context.failed(name, error);
    });
    this.#timer = new EarliestTimer(context.clock, () => {
      this.#requestStep();
    });
    this.#loop = new StepLoop({
      step: () => this.#step(),
      canStep: () => context.store.isUp && !this.#isClosed,
      failed: (error) => {
        this.#stepFailed(error);
      },
      inTurn: context.inTurn,
    });
  }

  /** The members on all nodes, as far as this node knows. */
  get users(): ReadonlyMap<string, User> {
    return this.#state.presence.users;
  }

  /** How many subscriptions this node has. */
  get subscriptions(): number {
    return this.#state.subscriptions;
  }

  /** Whether a timer of this node will end a grace period, announce a count or repeat a failed step. */
  get hasTimer(): boolean {
    return this.#timer.isSet;
  }

  /** Whether Redis has something of this node, or had it before it lost its data. */
  get mayHaveBeenInRedis(): boolean {
    return this.#state.mayHaveBeenInRedis;
  }

  /** A connection subscribes, on presence channels as a user. See `Cluster.join`. */
  join(subscriptions: number, user: User | undefined, done: JoinCallback): void {
    this.#state.join(subscriptions, user);
    this.#joins.add({ userId: user?.id, done });
    this.#requestStep();
  }

  /** A connection is no longer subscribed. See `Cluster.leave`. */
  leave(subscriptions: number, userId: string | undefined, isDeliberate: boolean): void {
    const { isUp } = this.#context.store;
    const isReporting = this.#loop.isRunning && isUp;
    this.#state.leave(subscriptions, userId, isDeliberate, { isReporting, isUp });
    this.#requestStep();
  }

  /** Takes a step after so many milliseconds: a grace period is over then, or a count may be announced. */
  settleAfter(milliseconds: number): void {
    this.#timer.set(milliseconds + TIMER_SLACK_MS);
  }

  /** A change of the roster that any node made. */
  rosterChanged(change: RosterChange): void {
    if (!this.#state.presence.change(change)) this.#requestStep();
  }

  /**
   * Redis is back, or does not know this node's lease any more: everything has to be reported again.
   *
   * @param isDataLost whether Redis has lost its data
   */
  reset(isDataLost: boolean): void {
    this.#state.reset(isDataLost, this.hasTimer);
  }

  /** Takes a step. Resolves when no step is under way any more. */
  refresh(): Promise<void> {
    this.#requestStep();
    return this.idle();
  }

  /** The recovery window is closed: reports what had to wait. */
  async recoveryEnded(): Promise<void> {
    const { presence, record } = this.#state;
    const isWaiting = !this.#joins.isEmpty || presence.joins().length > 0;
    if (isWaiting || !record.isExact) await this.refresh();
  }

  /** Redis is away: this node decides alone, and nobody waits for Redis. */
  goOffline(): void {
    this.#state.presence.goOffline();
    this.#answerOffline();
  }

  /** Resolves when no step is under way any more. */
  idle(): Promise<void> {
    return this.#loop.idle();
  }

  /** Stops every timer, and answers every join that waits. */
  close(): void {
    this.#isClosed = true;
    this.#timer.cancel();
    this.#state.presence.close();
    this.#answerOffline();
  }

  #newPresence(): Presence {
    const { clock, limits, self } = this.#context;
    return new Presence(clock, limits, {
      memberAdded: (user) => {
        self.memberAdded(this.name, user);
      },
      memberChanged: (user) => {
        self.memberChanged(this.name, user);
      },
      memberRemoved: (userId) => {
        self.memberRemoved(this.name, userId);
      },
      memberExpired: () => {
        this.#forgetIfIdle();
      },
    });
  }

  #requestStep(): void {
    const { store, recovery } = this.#context;
    this.#loop.request();
    if (!store.isUp) {
      this.#answerOffline();
      this.#forgetIfIdle();
    } else if (!recovery.isOpen || this.mayHaveBeenInRedis) this.#loop.start();
  }

  async #step(): Promise<void> {
    if (this.#state.isToReport) {
      await this.#register();
      await this.#sync();
    } else if (this.#timer.isDue) await this.#settle();
    if (!this.#isNeeded()) await this.#release();
  }

  #stepFailed(error: unknown): void {
    // Nobody knows what became of the step, so the next one reports everything.
    this.#state.record.doubt();
    this.#answerOffline();
    if (!this.#context.store.isUp) return;
    this.#context.failed(this.name, error);
    this.#timer.set(this.#loop.retryMs());
  }

  async #register(): Promise<void> {
    const { record } = this.#state;
    if (record.isRegistered) return;
    const { recovery } = record;
    await this.#context.store.register(this.name);
    if (!record.registered(recovery)) this.#loop.request();
  }

  async #sync(): Promise<void> {
    const joins = this.#joins.take((join) => this.#isReportable(join));
    let reply: SyncReply;
    try {
      reply = await this.#send(this.#state.report(joins, this.#context.recovery.isOpen));
    } catch (error) {
      this.#joins.putBack(joins);
      throw error;
    }
    if (reply.unknown === true) {
      this.#joins.putBack(joins);
      this.#state.record.doubt();
      this.#loop.request();
      await this.#context.store.renewLease();
      return;
    }
    const { refused } = reply;
    this.#joins.answer(joins, (userId) => refused.includes(userId));
    this.#applyCount(reply);
  }

  async #send(sent: SentReport): Promise<SyncReply> {
    const { store } = this.#context;
    const reply = await store.sync(this.name, sent.report);
    if (reply.unknown === true) return reply;
    if (!this.#state.accepted(sent, reply, store.leaseName)) this.#loop.request();
    this.#apply(reply, canBeginGrace(sent.report));
    return reply;
  }

  async #settle(): Promise<void> {
    const { presence } = this.#state;
    const { latestVersion } = presence;
    const reply = await this.#context.store.settle(this.name);
    if (!presence.apply(reply, { joins: [], leaves: [] }, latestVersion)) this.#loop.request();
    this.#apply(reply, true);
    this.#applyCount(reply);
  }

  /** This node has no subscriptions: unsubscribes from the bus, and drops the channel unless a timer still needs it. */
  async #release(): Promise<void> {
    const { store, forget } = this.#context;
    if (this.#state.record.isRegistered) await store.unsubscribe(this.name);
    this.#state.record.unsubscribed();
    if (!this.#isOver()) return;
    await store.deregister(this.name);
    // The channel may have been needed again meanwhile.
    if (this.#isOver()) forget(this.name);
  }

  /** Whether this node has subscriptions, or something has changed since the step began. */
  #isNeeded(): boolean {
    return this.#state.subscriptions > 0 || this.#loop.isRequested;
  }

  #isOver(): boolean {
    return !this.#isNeeded() && !this.hasTimer;
  }

  /** Whether a join can be reported now. While nodes restore lost data, new members wait. */
  #isReportable({ userId }: PendingJoin): boolean {
    return !this.#context.recovery.isOpen || userId === undefined || this.#state.presence.isReported(userId);
  }

  /** @param hasBegunGrace whether a grace period in the reply may be one that this node began, and therefore ends */
  #apply(reply: OccupancyChange, hasBegunGrace: boolean): void {
    const { self, watched } = this.#context;
    for (const event of reply.events) self.emit({ ...event, channel: this.name });
    if (reply.status !== undefined && isUserChannel(this.name)) {
      watched.learn(this.name, reply.status.online, Number(reply.status.version));
    }
    const wasDue = this.#timer.takeDue();
    if (reply.graceMs !== undefined && (wasDue || hasBegunGrace)) this.settleAfter(reply.graceMs);
  }

  #applyCount({ count, recountMs }: OccupancyChange): void {
    if (count !== undefined) this.#context.self.counted(this.name, count);
    if (recountMs !== undefined) this.settleAfter(recountMs);
  }

  /** Answers every join from what this node knows. */
  #answerOffline(): void {
    this.#joins.answer(this.#joins.take(), (userId) => !this.#state.presence.joinOffline(userId));
  }

  /** While Redis is away, drops a channel that has no subscriptions, no timer, and nothing to report when Redis is back. */
  #forgetIfIdle(): void {
    if (this.#context.store.isUp || this.#loop.isRunning) return;
    const isExpecting = this.hasTimer || this.#timer.isDue || this.#state.presence.isExpecting;
    if (!this.#state.isToReport && !isExpecting) this.#context.forget(this.name);
  }
}
