import type { Clock, Timer } from '../../../ports/clock.js';
import type { ClusterNode } from '../../../ports/cluster.js';
import type { User } from '../../../ports/user.js';
import { channelType, isUserChannel } from '../../../protocol/channel-name.js';
import type { ChannelLook } from '../scripts/channel-record.js';
import type { OccupancyChange, SyncReply } from '../scripts/occupancy-messages.js';
import type { WatchedUsers } from '../watched-users.js';
import { canBeginGrace, ChannelState, type SentReport } from './channel-state.js';
import { EarliestTimer } from './earliest-timer.js';
import type { OccupancyStore } from './occupancy-store.js';
import type { PresenceLimits } from './offline-roster.js';
import { type JoinCallback, type PendingJoin, PendingJoins } from './pending-joins.js';
import { NO_PRESENCE, Presence } from './presence.js';
import type { RecoveryWindow } from './recovery-window.js';
import type { RosterChange } from './roster.js';
import { StepLoop, type Steps } from './step-loop.js';

/** Timers and Redis's clock do not run in step, so a timer rings a little after the time that Redis said. */
const TIMER_SLACK_MS = 5;
/** How long to wait for changes of the roster that Redis has made and the bus has not brought yet. */
const CHANGES_LATE_MS = 1_000;
/** The longest wait for an answer to a subscription. Then this node answers from what it knows. */
const ANSWER_LATE_MS = 4_000;
/** How long a node waits for the nodes that have to report a channel again, time after time. */
const LOST_CHANNEL_WAITS_MS: readonly number[] = [50, 100, 200];
/** When the node that should end a grace period is so late, another one ends it. */
const GRACE_LATE_MS = 3_000;

const NOBODY: ReadonlySet<string> = new Set();

/** The parts that all channels of a node share. */
export interface SyncContext {
  readonly store: Pick<OccupancyStore, keyof OccupancyStore>;
  readonly clock: Clock;
  readonly self: ClusterNode;
  readonly watched: Pick<WatchedUsers, 'learn'>;
  readonly limits: PresenceLimits;
  /** While the window is open, other nodes may not have reported yet what Redis has lost. */
  readonly recovery: Pick<RecoveryWindow, 'isOpen' | 'isHolding'>;
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
  /** Rings when the oldest join that waits has waited for too long. */
  #late: Timer | undefined;
  /** Whether the next report says that every node has reported what Redis had lost. */
  #areAllBack = false;
  /** How often this node has waited for others to report the channel again. */
  #waits = 0;
  #isClosed = false;

  constructor(name: string, context: SyncContext) {
    this.name = name;
    this.#context = context;
    const isPresence = channelType(name).access === 'presence';
    this.#state = new ChannelState(isPresence ? this.#newPresence() : NO_PRESENCE, context.store.reports);
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
    this.#joins.add({ userId: user?.id, done, since: this.#context.clock.now() });
    this.#requestStep();
    this.#answerInTime();
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
    const { presence } = this.#state;
    const wasBehind = presence.isBehind;
    presence.change(change);
    if (presence.isCurrent) this.#joins.answerAccepted();
    if (presence.isBehind && !wasBehind) this.#catchUp();
  }

  /** How many of this node's reports Redis has answered, by their numbers; `undefined` while a report is under way. */
  get lastReport(): number | undefined {
    const { record } = this.#state;
    const isQuiet = !this.#loop.isRunning && !this.#loop.isRequested && !record.isUnanswered;
    return isQuiet ? record.answered : undefined;
  }

  /**
   * Compares what Redis has of the channel with what this node has. This node is right about itself: what differs is reported
   * again. The node asks for changes of other nodes that it has not heard of.
   *
   * @returns whether Redis has what this node has reported
   */
  compare({ nodes, version, dueAt }: ChannelLook, now: number): boolean {
    const { presence, record } = this.#state;
    if (dueAt + GRACE_LATE_MS < now) this.settleAfter(Math.random() * GRACE_LATE_MS);
    const isSame = this.#state.isSameAs(nodes.get(this.#context.store.leaseName));
    const isOlder = this.subscriptions > 0 && version < presence.version;
    if (!isSame || isOlder) {
      record.differs();
      this.#requestStep();
    } else if (this.subscriptions > 0 && version > presence.version) this.#await(version);
    return isSame;
  }

  /** Redis is back, or may have lost data: everything has to be reported again. */
  reset(): void {
    this.#areAllBack = false;
    this.#state.reset();
  }

  /** Redis has this node on the channel, although the node has not reported it: everything has to be reported. */
  differs(): void {
    if (this.mayHaveBeenInRedis || this.#loop.isRunning) return;
    this.#state.record.differs();
    this.#requestStep();
  }

  /** Redis has lost the channel: this node reports again what it had reported. */
  reportAgain(): void {
    if (!this.mayHaveBeenInRedis) return;
    this.#state.record.doubt();
    this.#requestStep();
  }

  /** Whether Redis has everything that this node had reported before it may have lost data. */
  get isRestored(): boolean {
    return this.#state.record.isSure;
  }

  /** Takes a step. Resolves when no step is under way any more. */
  refresh(): Promise<void> {
    this.#requestStep();
    return this.idle();
  }

  /**
   * The recovery window is closed: reports what had to wait.
   *
   * @param areAllBack whether every node has reported what it had
   */
  async recoveryEnded(areAllBack: boolean): Promise<void> {
    const { presence, record } = this.#state;
    const isWaiting = !this.#joins.isEmpty || presence.joins().length > 0;
    const isMissing = this.subscriptions > 0 && !presence.isCurrent;
    if (isMissing) presence.giveUpWaiting();
    this.#areAllBack = areAllBack && this.hasTimer;
    if (isWaiting || isMissing || this.#areAllBack || !record.isExact) await this.refresh();
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
    this.#late?.cancel();
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
      memberDisputed: () => {
        this.#state.record.doubt();
        this.#requestStep();
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
    } else if (!recovery.isHolding || this.mayHaveBeenInRedis) this.#loop.start();
  }

  /** Asks for the roster, once the other nodes had the time to report. */
  #catchUp(): void {
    if (!this.#context.recovery.isOpen) this.#requestStep();
  }

  async #step(): Promise<void> {
    if (this.#timer.isDue && !this.#context.recovery.isOpen) this.#state.presence.giveUpWaiting();
    if (this.#isUpToDate()) this.#answer(this.#joins.take(), NOBODY);
    else if (this.#state.isToReport || this.#timer.isDue) {
      await this.#register();
      await this.#context.store.keepLease();
      // The end of the recovery window asks for another step.
      if (this.#context.recovery.isHolding && !this.mayHaveBeenInRedis) return;
      await this.#sync();
    }
    if (!this.#isNeeded()) await this.#release();
  }

  /** Whether Redis would change nothing, and tell nothing: as many have come as have gone since the last report. */
  #isUpToDate(): boolean {
    const { recovery, store } = this.#context;
    const { access, cached } = channelType(this.name);
    if (access === 'presence' || cached || this.subscriptions === 0) return false;
    return (
      this.#state.isReported &&
      store.isKnown &&
      !recovery.isHolding &&
      !this.#timer.isDue &&
      !this.#areAllBack
    );
  }

  #stepFailed(error: unknown): void {
    // Nobody knows what became of the step, so the next one reports everything.
    this.#state.record.doubt();
    this.#answerOffline();
    if (!this.#context.store.isUp) return;
    this.#context.failed(this.name, error);
    this.#timer.set(this.#loop.retryMs());
  }

  /** A node without subscriptions hears nothing of the channel. It may have a grace period to end. */
  async #register(): Promise<void> {
    const { record } = this.#state;
    const { store } = this.#context;
    if (record.isRegistered) return;
    if (this.subscriptions === 0) {
      await store.prepare(this.name);
      return;
    }
    const { resets } = record;
    await store.register(this.name);
    if (!record.registered(resets)) this.#loop.request();
  }

  async #sync(): Promise<void> {
    const joins = this.#joins.take((join) => this.#isReportable(join));
    const { recovery, store } = this.#context;
    let reply: SyncReply;
    try {
      const { isOpen: isSettling, isHolding } = recovery;
      const areAllBack = this.#areAllBack && !isSettling;
      const hasWaited = this.#waits === LOST_CHANNEL_WAITS_MS.length;
      const number = store.nextReport();
      reply = await this.#send(
        this.#state.report({ number, joins, isSettling, isHolding, areAllBack, hasWaited }),
      );
      this.#areAllBack = false;
    } catch (error) {
      this.#joins.putBack(joins);
      throw error;
    }
    if (reply.unknown === true) {
      this.#joins.putBack(joins);
      this.#state.record.rejected();
      if (reply.isLost === true) {
        this.#timer.set(LOST_CHANNEL_WAITS_MS[this.#waits++] ?? 0);
        return;
      }
      this.#loop.request();
      await store.renewLease();
      return;
    }
    this.#waits = 0;
    this.#answer(joins, new Set(reply.refused));
    this.#applyCount(reply);
  }

  /** Subscribers are told of a roster that has everything that Redis had when it accepted them. */
  #answer(joins: readonly PendingJoin[], refused: ReadonlySet<string>): void {
    const { presence } = this.#state;
    const isRefused = ({ userId }: PendingJoin) => userId !== undefined && refused.has(userId);
    this.#joins.answer(joins.filter(isRefused), () => true);
    this.#joins.accept(joins.filter((join) => !isRefused(join)));
    if (presence.isCurrent || this.subscriptions === 0) this.#joins.answerAccepted();
    else if (presence.isBehind) this.#catchUp();
    else this.settleAfter(CHANGES_LATE_MS);
  }

  #await(version: number): void {
    const { presence } = this.#state;
    presence.await(version);
    if (!presence.isCurrent) this.settleAfter(CHANGES_LATE_MS);
  }

  async #send(sent: SentReport): Promise<SyncReply> {
    const { store } = this.#context;
    const reply = await store.sync(this.name, sent.report);
    if (reply.unknown === true) return reply;
    if (!this.#state.accepted(sent, reply, store.leaseName)) this.#loop.request();
    this.#apply(reply, canBeginGrace(sent.report));
    return reply;
  }

  /** This node has no subscriptions: unsubscribes from the bus, and drops the channel unless a timer still needs it. */
  async #release(): Promise<void> {
    const { store, forget } = this.#context;
    if (this.#state.record.isRegistered) await store.unsubscribe(this.name);
    this.#state.record.unsubscribed();
    this.#state.presence.forget();
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
    return (
      !this.#context.recovery.isHolding || (userId !== undefined && this.#state.presence.isReported(userId))
    );
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
    this.#answerAlone(Number.POSITIVE_INFINITY);
  }

  #answerAlone(before: number): void {
    this.#joins.answerAll((userId) => !this.#state.presence.joinOffline(userId), before);
  }

  /** Nobody waits for longer than that, whatever happens to Redis or to this process. */
  #answerInTime(): void {
    const { clock } = this.#context;
    const { oldestSince } = this.#joins;
    if (oldestSince === undefined || this.#late !== undefined) return;
    this.#late = clock.after(oldestSince + ANSWER_LATE_MS - clock.now(), () => {
      this.#late = undefined;
      this.#answerAlone(clock.now() - ANSWER_LATE_MS);
      this.#answerInTime();
    });
  }

  /** While Redis is away, drops a channel that has no subscriptions, no timer, and nothing to report when Redis is back. */
  #forgetIfIdle(): void {
    if (this.#context.store.isUp || this.#loop.isRunning) return;
    const isExpecting = this.hasTimer || this.#timer.isDue || this.#state.presence.isExpecting;
    if (!this.#state.isToReport && !isExpecting) this.#context.forget(this.name);
  }
}
