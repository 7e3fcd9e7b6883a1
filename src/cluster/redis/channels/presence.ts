import { type Clock, systemClock } from '../../../ports/clock.js';
import type { User } from '../../../ports/user.js';
import { type BusMessage, infoOf, infoText } from '../bus-message.js';
import type { OccupancyChange } from '../scripts/occupancy-messages.js';
import { LocalMembers, type MemberEntry, type MemberReport } from './local-members.js';
import { OfflineRoster, type PresenceLimits } from './offline-roster.js';
import { Roster, type RosterListener } from './roster.js';

/** A change of a channel's roster, as the bus brings it. */
export type RosterChange = Extract<BusMessage, { kind: 'added' | 'removed' }>;

/** Called with every change of a channel's roster. */
export interface PresenceListener extends RosterListener {
  /** A grace period is over that this node had to end by itself, because Redis was away. */
  readonly memberExpired: () => void;
}

/** The members of one channel: those who are present through this node, and the roster of all nodes. */
export class Presence {
  readonly #local = new LocalMembers();
  readonly #roster: Roster;
  readonly #offline: OfflineRoster;

  constructor(clock: Clock, limits: PresenceLimits, listener: PresenceListener) {
    this.#roster = new Roster({
      ...listener,
      memberRemoved: (userId) => {
        this.#local.stopExpecting(userId);
        listener.memberRemoved(userId);
      },
    });
    this.#offline = new OfflineRoster(this.#roster, clock, limits, (userId) => {
      this.#local.expire(userId);
      listener.memberExpired();
    });
  }

  /** The members on all nodes, as far as this node knows. */
  get users(): ReadonlyMap<string, User> {
    return this.#roster.users;
  }

  /** The version of the roster; 0 while nothing is known. */
  get version(): number {
    return this.#roster.version;
  }

  /** The highest version of the roster that was heard of. */
  get latestVersion(): number {
    return this.#roster.latest;
  }

  /** Whether Redis has any member from this node. */
  get hasReportedMembers(): boolean {
    return this.#local.hasReportedMembers;
  }

  /** Whether this node waits for a member to come back while Redis is away. */
  get isExpecting(): boolean {
    return this.#offline.isExpecting;
  }

  /** Whether Redis has the user from this node, or expects the user back. */
  isReported(userId: string): boolean {
    return this.#local.isReported(userId);
  }

  /** A user has a first connection of this node, or a new info. */
  join({ id, info }: User): void {
    const known = this.users.get(id);
    // Another node may have reported a newer info than this node did.
    if (known !== undefined) this.#local.hasInfo(id, infoText(known.info));
    this.#local.join(id, infoText(info));
    this.#offline.stay(id);
  }

  /**
   * A user has no connection of this node any more.
   *
   * @param isReporting whether a report that may contain the user is on its way to Redis
   * @param isUp whether Redis can be reached
   */
  leave(userId: string, isDeliberate: boolean, isReporting: boolean, isUp: boolean): void {
    this.#local.leave(userId, isDeliberate, isReporting);
    if (isReporting) return;
    // Redis announces the leave of those members only who were reported to it.
    if (!isUp || !this.#local.isReported(userId)) this.#offline.leave(userId, isDeliberate);
  }

  /** Redis is away: this node ends the grace periods that Redis cannot end. */
  goOffline(): void {
    for (const [id, isDeliberate] of this.#local.departed) this.#offline.leave(id, isDeliberate);
    for (const [id] of this.#local.expected()) this.#offline.leave(id, false);
  }

  /** Lets a user in while Redis is away. @returns false when the channel is full */
  joinOffline(userId: string): boolean {
    const info = this.#local.infoOf(userId);
    return info === undefined || this.#offline.join(userId, infoOf(info));
  }

  /** Redis is back. Members who left and were never reported are removed now: no other node knows of them. */
  goOnline(): void {
    for (const id of this.#offline.end()) if (!this.#local.isReported(id)) this.#roster.remove(id);
  }

  /** Stops every timer. */
  close(): void {
    this.#offline.end();
  }

  /** The members who joined, or have a new info, since the last report. */
  joins(): readonly MemberEntry[] {
    return this.#local.joins();
  }

  /** The members who left since the last report. */
  leaves(): MemberReport['leaves'] {
    return this.#local.leaves();
  }

  /**
   * All members who were reported, with those who left since the last report. With the newest info, which another node may
   * have reported: a Redis that has lost it must not get the older one.
   */
  reported(): readonly MemberEntry[] {
    return this.#local.reported().map(([id, info]) => {
      const known = this.users.get(id);
      return [id, known === undefined ? info : infoText(known.info)];
    });
  }

  /**
   * The members who were present through other nodes, or through none, as far as this node knows.
   *
   * @param isSubscribed whether this node has subscriptions of the channel. Without any its roster is an old one.
   */
  unclaimed(isSubscribed: boolean): readonly MemberEntry[] {
    if (!isSubscribed) return this.#local.expected();
    return [...this.users.values()]
      .filter(({ id }) => !this.#local.isDesired(id) && !this.#local.departed.has(id))
      .map(({ id, info }) => [id, infoText(info)]);
  }

  /** Applies a change of the roster. @returns false when a change before it was missed */
  change(change: RosterChange): boolean {
    const { kind, version, id } = change;
    const fit = this.#roster.fit(version);
    if (fit === 'next') this.#roster.change(version, id, kind === 'added' ? change.info : undefined);
    return fit !== 'gap';
  }

  /**
   * Applies the reply to a report.
   *
   * @param latestVersion {@link latestVersion} when the report was made
   * @returns whether the roster is now complete: no change was heard of meanwhile that the reply does not contain
   */
  apply(reply: OccupancyChange, report: MemberReport, latestVersion: number): boolean {
    this.#local.accepted(report, reply.refused, reply.graceMs !== undefined);
    for (const { version, id, info } of reply.changes) {
      if (this.#roster.fit(Number(version)) === 'next') this.#roster.change(Number(version), id, info);
    }
    const version = Number(reply.version);
    if (reply.roster !== undefined && version >= this.#roster.version) {
      const { leaving = [] } = reply;
      const gone = report.leaves
        .filter(([id, isDeliberate]) => isDeliberate && leaving.includes(id))
        .map(([id]) => id);
      this.#roster.replace(
        version,
        reply.roster,
        (id) => this.#local.isDesired(id),
        (id) => gone.includes(id),
      );
    }
    return !this.#roster.isBehind(latestVersion);
  }
}

const ignore = (): void => undefined;

/** Shared by all channels that are not presence channels: they have no members. */
export const NO_PRESENCE = new Presence(
  systemClock,
  { graceMs: 0, maximumMembers: 0 },
  { memberAdded: ignore, memberChanged: ignore, memberRemoved: ignore, memberExpired: ignore },
);
