import type { User } from '../../../ports/user.js';
import type { OccupancyChange, SyncReport } from '../scripts/occupancy-messages.js';
import { NodeRecord, type Recovery } from './node-record.js';
import type { Presence } from './presence.js';

/** A report, with the state that its reply has to be compared with. */
export interface SentReport {
  readonly report: SyncReport;
  readonly recovery: Recovery | undefined;
  readonly latestVersion: number;
}

/** The state of one channel on this node: its subscriptions and members, and the record of them in Redis. */
export class ChannelState {
  readonly presence: Presence;
  readonly record = new NodeRecord();
  #subscriptions = 0;
  #isLeaveDeliberate = false;

  constructor(presence: Presence) {
    this.presence = presence;
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

  /** Whether Redis has something of this node, or had it before it lost its data. */
  get mayHaveBeenInRedis(): boolean {
    return this.record.wasCounted || this.mustReportWithoutSubscriptions;
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

  /**
   * Everything has to be reported again.
   *
   * @param isDataLost whether Redis has lost its data
   * @param isVacating whether the channel's grace period is running, when it has no subscriptions
   */
  reset(isDataLost: boolean, isVacating: boolean): void {
    const isSubscribed = this.#subscriptions > 0;
    const isAnyLost = isDataLost || this.record.recovery?.isDataLost === true;
    this.presence.goOnline();
    this.record.reset({
      isDataLost: isAnyLost,
      unclaimed: isAnyLost || isSubscribed ? this.presence.unclaimed(isSubscribed) : [],
      wasVacating: isDataLost && !isSubscribed && isVacating,
    });
  }

  /**
   * Makes the next report, which is sent right away: from now on Redis may have this node.
   *
   * @param joins the joins that the reply will answer
   * @param isHolding whether new members must wait, because the recovery window is open
   */
  report(joins: readonly { readonly userId: string | undefined }[], isHolding: boolean): SentReport {
    const { presence, record } = this;
    const report: SyncReport = {
      subscriptions: this.#subscriptions,
      full: record.fullReport(() => presence.reported()),
      joins: isHolding ? [] : presence.joins(),
      leaves: presence.leaves(),
      refusable: joins.flatMap(({ userId }) => userId ?? []),
      hasNewSubscribers: joins.length > 0,
      isLeaveDeliberate: this.#isLeaveDeliberate,
      rosterVersion: String(presence.version),
    };
    record.reporting(this.#subscriptions);
    return { report, recovery: record.recovery, latestVersion: presence.latestVersion };
  }

  /**
   * Redis has accepted a report.
   *
   * @param leaseName the name under which this node is counted
   * @returns whether Redis and this node are now the same, as far as this node knows
   */
  accepted(
    { report, recovery, latestVersion }: SentReport,
    reply: OccupancyChange,
    leaseName: string,
  ): boolean {
    const isCurrent = this.record.accepted(report.subscriptions, leaseName, recovery);
    return this.presence.apply(reply, report, latestVersion) && isCurrent;
  }
}

/** Whether a report may have begun a grace period. The node that began it ends it. */
export function canBeginGrace({ subscriptions, leaves, full }: SyncReport): boolean {
  return subscriptions === 0 || leaves.length > 0 || (full !== undefined && full.unclaimed.length > 0);
}
