import type { User } from '../../../ports/user.js';
import type { NodeEntry } from '../scripts/channel-record.js';
import type { OccupancyChange, SyncReport } from '../scripts/occupancy-messages.js';
import type { MemberReport } from './local-members.js';
import { NodeRecord } from './node-record.js';
import type { Presence } from './presence.js';

/** A report, with the state that its reply has to be compared with. */
export interface SentReport {
  readonly report: SyncReport;
  readonly members: MemberReport;
  /** How often everything had to be reported again before. */
  readonly resets: number;
}

/** The circumstances of a report. */
export interface ReportOptions {
  /** The number of the report. */
  readonly number: number;
  /** The joins that the reply will answer. */
  readonly joins: readonly { readonly userId: string | undefined }[];
  /** Whether other nodes may not have reported yet what Redis has lost. */
  readonly isSettling: boolean;
  /** Whether new members must wait for that. */
  readonly isHolding: boolean;
  /** Whether all have reported that. @default false */
  readonly areAllBack?: boolean;
  /** Whether this node has waited long enough for others to report the channel again. @default false */
  readonly hasWaited?: boolean;
}

/** The state of one channel on this node: its subscriptions and members, and the record of them in Redis. */
export class ChannelState {
  readonly presence: Presence;
  readonly record: NodeRecord;
  #subscriptions = 0;
  #isLeaveDeliberate = false;
  /** How many subscriptions the last report had that was accepted. */
  #reported = 0;
  /** Whether this node waits for the end of the grace period of a channel without subscriptions. */
  #isVacating = false;

  /** @param answered see {@link NodeRecord} */
  constructor(presence: Presence, answered: number) {
    this.presence = presence;
    this.record = new NodeRecord(answered);
  }

  /** How many subscriptions this node has. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Whether there is something to report to Redis. */
  get isToReport(): boolean {
    return this.#subscriptions > 0 || this.mustReportWithoutSubscriptions;
  }

  /** Whether this node must report even without subscriptions: Redis may have something of this node, or has lost it. */
  get mustReportWithoutSubscriptions(): boolean {
    return this.record.mustBeReported || this.presence.hasReportedMembers;
  }

  /** Whether Redis has as many subscriptions of this node as there are. */
  get isReported(): boolean {
    const { isExact, isRegistered, isUnanswered } = this.record;
    return isExact && isRegistered && !isUnanswered && this.#reported === this.#subscriptions;
  }

  /**
   * Whether Redis has something of this node, or had it before it lost its data. A channel that is new here is not such a one, even
   * if a report of it was not answered.
   */
  get mayHaveBeenInRedis(): boolean {
    const isToCorrect = this.#subscriptions === 0 && this.record.mustBeReported;
    return this.record.wasCounted || this.presence.hasReportedMembers || isToCorrect;
  }

  /** A connection subscribes, on presence channels as a user. */
  join(subscriptions: number, user: User | undefined): void {
    this.#subscriptions = subscriptions;
    if (user !== undefined) this.presence.join(user);
  }

  /**
   * A connection is no longer subscribed.
   *
   * @param userId the user who is present through no other connection of this node now
   * @param isReporting whether a report is on its way to Redis
   * @param isUp whether Redis can be reached
   */
  leave(
    subscriptions: number,
    userId: string | undefined,
    isDeliberate: boolean,
    { isReporting, isUp }: { readonly isReporting: boolean; readonly isUp: boolean },
  ): void {
    this.#subscriptions = subscriptions;
    this.#isLeaveDeliberate = isDeliberate;
    if (userId !== undefined) this.presence.leave(userId, isDeliberate, isReporting, isUp);
  }

  /** Everything has to be reported again. */
  reset(): void {
    this.presence.goOnline();
    this.record.reset();
  }

  /** Makes the next report, which is sent right away: from now on Redis may have this node. */
  report(options: ReportOptions): SentReport {
    const { number, joins, isSettling, isHolding, areAllBack = false, hasWaited = false } = options;
    const { presence, record } = this;
    const refusable = new Set(joins.map(({ userId }) => userId));
    const joining = presence.joins();
    const members: MemberReport = { joins: isHolding ? [] : joining, leaves: presence.leaves() };
    // A node that has left the channel, and comes back, still has the roster of before. It answers for nobody there.
    const wasThere = record.mustBeReported;
    const others = wasThere ? presence.others() : [];
    const full = record.fullReport(() => ({
      reported: presence.reported(),
      waiting: isHolding ? joining.map(([id]) => id) : [],
      unclaimed: this.#subscriptions > 0 ? others : presence.expected(),
      wasSubscribed: this.#reported > 0,
      wasVacating: this.#isVacating,
      rosterVersion: wasThere ? presence.version : 0,
    }));
    const isRosterWanted =
      this.#subscriptions > 0 && presence.isBehind && (!isSettling || presence.version === 0);
    const report: SyncReport = {
      report: number,
      answered: record.answered,
      isRepeated: flag(record.isUnanswered),
      subscriptions: this.#subscriptions,
      full,
      joins: listed(members.joins.map(([id, info]) => [id, info, refusable.has(id) ? 1 : 0] as const)),
      leaves: listed(members.leaves.map(([id, isDeliberate]) => [id, isDeliberate ? 1 : 0] as const)),
      hasNewSubscribers: flag(joins.length > 0),
      isLeaveDeliberate: flag(this.#isLeaveDeliberate),
      isRosterWanted: flag(isRosterWanted),
      isSettling: flag(isSettling),
      isHolding: flag(isHolding),
      areAllBack: flag(areAllBack),
      hasWaited: flag(hasWaited),
    };
    record.reporting(this.#subscriptions);
    return { report, members, resets: record.resets };
  }

  /**
   * Redis has accepted a report.
   *
   * @param leaseName the name under which this node is counted
   * @returns whether nothing was reset since
   */
  accepted({ report, members, resets }: SentReport, reply: OccupancyChange, leaseName: string): boolean {
    const { subscriptions } = report;
    const isWaiting = subscriptions === 0 && reply.graceMs !== undefined;
    const isLatest = this.record.accepted(
      report.report,
      subscriptions > 0 || isWaiting ? leaseName : '',
      resets,
    );
    this.presence.apply(reply, members);
    this.#reported = subscriptions;
    this.#isVacating = isWaiting && reply.isVacating === true;
    return isLatest;
  }

  /** Whether Redis has what this node has reported. */
  isSameAs(entry: NodeEntry | undefined): boolean {
    const { record } = this;
    if (entry === undefined) return !record.wasCounted;
    return record.wasCounted && entry.report === record.answered;
  }
}

/** Whether a report may have begun a grace period. The node that began it ends it. */
export function canBeginGrace({ subscriptions, leaves, full, areAllBack }: SyncReport): boolean {
  if (areAllBack === true) return true;
  return subscriptions === 0 || leaves !== undefined || (full !== undefined && full.unclaimed.length > 0);
}

/** Absent is shorter than no. */
function flag(isSet: boolean): true | undefined {
  return isSet ? true : undefined;
}

/** Absent is shorter than an empty list. */
function listed<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length > 0 ? items : undefined;
}
