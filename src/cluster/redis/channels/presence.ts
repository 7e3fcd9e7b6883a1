import { type Clock, systemClock } from '../../../ports/clock.js';
import type { User } from '../../../ports/user.js';
import { infoOf, infoText } from '../bus-message.js';
import type { OccupancyChange } from '../scripts/occupancy-messages.js';
import { LocalMembers, type MemberEntry, type MemberReport } from './local-members.js';
import { OfflineRoster, type PresenceLimits } from './offline-roster.js';
import { Roster, type RosterChange, type RosterListener } from './roster.js';

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
  /** The members who left deliberately, and whom Redis may keep for a while because it has lost data. They are gone here. */
  readonly #left = new Set<string>();
  /** The members whom this node let in by itself, and whom Redis does not have yet. */
  readonly #letIn = new Set<string>();
  /** The version that Redis had when it was last asked. */
  #awaited = 0;

  constructor(clock: Clock, limits: PresenceLimits, listener: PresenceListener) {
    this.#roster = new Roster(
      {
        ...listener,
        memberRemoved: (userId) => {
          this.#local.stopExpecting(userId);
          this.#letIn.delete(userId);
          listener.memberRemoved(userId);
        },
      },
      (userId) => this.#local.isDesired(userId),
    );
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

  /** Whether a copy of what Redis has is needed. */
  get isBehind(): boolean {
    return this.#roster.isBehind;
  }

  /** Whether the roster has everything that Redis had when it was last asked. Anything else is on its way. */
  get isCurrent(): boolean {
    return !this.#roster.isBehind && this.#roster.version >= this.#awaited;
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
    this.#left.delete(id);
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
    if (info === undefined) return true;
    const isNew = !this.users.has(userId);
    const isIn = this.#offline.join(userId, infoOf(info));
    if (isIn && isNew) this.#letIn.add(userId);
    return isIn;
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
   * The members who are present through other nodes, or through none, as far as this node knows. One who joins on this node too is
   * among them until that is reported.
   */
  others(): readonly MemberEntry[] {
    if (this.version === 0) return [];
    return [...this.users.values()]
      .filter(
        ({ id }) => !this.#letIn.has(id) && !this.#local.hasReported(id) && !this.#local.departed.has(id),
      )
      .map(({ id, info }) => [id, infoText(info)]);
  }

  /** The members whose leave was reported and who may come back. */
  expected(): readonly MemberEntry[] {
    return this.#local.expected();
  }

  /** This node does not hear of changes any more, so its roster becomes an old one. */
  forget(): void {
    this.#roster.forget();
  }

  /** A change of the roster that any node made. */
  change(change: RosterChange): void {
    this.#roster.change(change);
  }

  /** Redis has a roster of this version. Changes up to it are on their way. */
  await(version: number): void {
    this.#awaited = version;
  }

  /** The changes that were on their way have not arrived. */
  giveUpWaiting(): void {
    if (!this.isCurrent) this.#roster.fallBehind();
  }

  /** Applies the reply to a report. */
  apply(reply: OccupancyChange, report: MemberReport): void {
    this.#local.accepted(report, reply.refused, reply.graceMs !== undefined);
    for (const [id] of report.joins) this.#letIn.delete(id);
    const version = Number(reply.version);
    for (const [id, isDeliberate] of report.leaves) if (isDeliberate) this.#left.add(id);
    if (reply.roster !== undefined) {
      const leaving = new Set(reply.leaving);
      for (const id of this.#left) if (!leaving.has(id)) this.#left.delete(id);
      this.#roster.replace(version, reply.roster, (id) => this.#left.has(id));
    }
    if (reply.graceMs === undefined) this.#left.clear();
    this.#awaited = version;
  }
}

/** A channel without members. */
class NoPresence extends Presence {
  override get isBehind(): boolean {
    return false;
  }

  override get isCurrent(): boolean {
    return true;
  }

  override await(): void {
    // There is no roster that could miss anything.
  }

  override apply(): void {
    // A reply says nothing of members.
  }
}

const ignore = (): void => undefined;

/** Shared by all channels that are not presence channels: they have no members. */
export const NO_PRESENCE = new NoPresence(
  systemClock,
  { graceMs: 0, maximumMembers: 0 },
  {
    memberAdded: ignore,
    memberChanged: ignore,
    memberRemoved: ignore,
    memberDisputed: ignore,
    memberExpired: ignore,
  },
);
