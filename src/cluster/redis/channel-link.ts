import type { Clock, Timer } from '../../ports/clock.js';
import type { ClusterNode, JoinRefusal } from '../../ports/cluster.js';
import type { User } from '../../ports/user.js';
import { channelType } from '../../protocol/channel-name.js';
import { type BusMessage, infoOf, infoText } from './bus-message.js';
import type { OccupancyReply, OccupancyRequest } from './occupancy-script.js';
import { Roster } from './roster.js';

/** What a link needs of its cluster. */
export interface LinkHost {
  readonly clock: Clock;
  /** Whom to tell what happened. */
  readonly self: ClusterNode;
  readonly isUp: boolean;
  readonly graceMs: number;
  /** The most members of a presence channel; 0 allows any number. */
  readonly maximumMembers: number;
  /** Runs the script for a channel. Rejects when Redis is not there. */
  occupy(channel: string, request: ChannelRequest): Promise<OccupancyReply>;
  /** Hears of the channel from now on, and writes down that this node has a part in it. */
  enlist(channel: string): Promise<void>;
  /** Hears of the channel no more. */
  mute(channel: string): Promise<void>;
  /** Strikes the channel out of what this node has a part in. */
  strike(channel: string): Promise<void>;
  /** Forgets the link. */
  forget(channel: string): void;
  /** A user came online or went offline, as the user's own channel was occupied or vacated. */
  statusChanged(channel: string, version: number, isOnline: boolean): void;
  /** Redis knows nothing of this node on a channel where it should. */
  doubt(): Promise<void>;
  /** Something failed that nobody waits for. */
  failed(channel: string, error: unknown): void;
}

/** A request without what is the same for all of a node's channels. */
export type ChannelRequest = Omit<OccupancyRequest, 'node' | 'max' | 'counts' | 'sharded' | 'graceMs'>;

type Joined = (refusal?: JoinRefusal) => void;

interface Waiting {
  readonly userId: string | undefined;
  readonly done: Joined;
}

/** A failed step is made again after so long, when the connection is still there. */
const RETRY_MS = 500;
/** Our timers and Redis's clock do not tick together. */
const GRACE_SLACK_MS = 5;

/**
 * What this node has to do with one channel, and how far Redis knows of it. What the node wants is written down at once;
 * one step after the other then brings Redis up to date, and each takes along all that was wanted by then. So nothing
 * piles up while Redis is away, and the way back is an ordinary step.
 */
export class ChannelLink {
  readonly roster: Roster;
  readonly #kind: OccupancyRequest['kind'];
  #subscriptions = 0;
  /** Who is present through this node. */
  readonly #wanted = new Map<string, string>();
  /** Who is, as far as Redis was told. */
  readonly #told = new Map<string, string>();
  /** How those went who are told and not wanted: deliberately or not. */
  readonly #departed = new Map<string, boolean>();
  #isDeliberate = false;
  #waiting: Waiting[] = [];
  #isEnlisted = false;
  /** Whether Redis counts this node in, and what is `told` is so. */
  #isCounted = false;
  /** Whether Redis may count this node in, for all that is known here. */
  #mayBeCounted = false;
  /** Whether everybody was told that the channel is occupied, on this node's account. */
  #isAnnounced = false;
  /** Whether Redis has lost its data since it counted this node in. */
  #isQuiet = false;
  /** Whether members are kept whom Redis does not know: other nodes may not have told it yet. */
  #isKeeping = false;
  #isDirty = false;
  #running: Promise<void> | undefined;
  #isGone = false;
  /** The next step that time brings: the end of a grace period, a count to be told, another attempt. */
  #timer: Timer | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #isDue = false;
  /** What the members' leaving waits for while Redis is away. */
  readonly #localGrace = new Map<string, Timer>();

  constructor(
    readonly name: string,
    private readonly host: LinkHost,
  ) {
    const { access } = channelType(name);
    this.#kind = access === 'presence' || access === 'user' ? access : 'plain';
    this.roster = new Roster(
      (user) => {
        host.self.memberAdded(name, user);
      },
      (userId) => {
        host.self.memberRemoved(name, userId);
      },
    );
  }

  get subscriptions(): number {
    return this.#subscriptions;
  }

  join(subscriptions: number, user: User | undefined, done: Joined): void {
    this.#subscriptions = subscriptions;
    if (user !== undefined) {
      this.#wanted.set(user.id, infoText(user.info));
      this.#departed.delete(user.id);
    }
    this.#waiting.push({ userId: user?.id, done });
    this.#touch();
  }

  leave(subscriptions: number, userId: string | undefined, isDeliberate: boolean): void {
    this.#subscriptions = subscriptions;
    this.#isDeliberate = isDeliberate;
    if (userId !== undefined) {
      this.#wanted.delete(userId);
      this.#departed.set(userId, isDeliberate);
      if (!this.host.isUp) this.#leaveLocally(userId, isDeliberate);
    }
    this.#touch();
  }

  /** Somebody's grace period ends later, and whoever began it is gone. */
  expect(graceMs: number): void {
    this.#schedule(graceMs + GRACE_SLACK_MS);
  }

  /** A change of the roster on another node, or on this one. */
  changed(message: Extract<BusMessage, { kind: 'added' | 'removed' }>): void {
    const fit = this.roster.fit(message.version);
    if (fit === 'next') {
      this.roster.change(message.version, message.id, message.kind === 'added' ? message.info : undefined);
    } else if (fit === 'gap') this.#touch();
  }

  /** Redis is there again, or forgot this node: everything has to be told anew. */
  reset(isFresh: boolean): void {
    this.#isEnlisted = false;
    this.#isQuiet ||= isFresh && this.#isAnnounced;
    this.#isKeeping ||= isFresh;
    this.#isCounted = false;
    for (const timer of this.#localGrace.values()) timer.cancel();
    this.#localGrace.clear();
  }

  /** Takes a step now; resolves when nothing is under way any more. */
  refresh(): Promise<void> {
    this.#touch();
    return this.idle();
  }

  /** Every node has told Redis of its members by now: whoever is still unknown there is gone. */
  async settle(): Promise<void> {
    if (!this.#isKeeping) return;
    this.#isKeeping = false;
    this.roster.doubt();
    await this.refresh();
  }

  /** Redis is gone: nobody waits for it. */
  goAlone(): void {
    for (const userId of this.roster.users.keys()) {
      if (this.#departed.has(userId)) this.#leaveLocally(userId, this.#departed.get(userId) === true);
    }
    this.#answerLocally();
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Whether somebody may come back whose leaving this node would have to tell. */
  get isExpecting(): boolean {
    return this.#timer !== undefined;
  }

  close(): void {
    this.#isGone = true;
    this.#timer?.cancel();
    for (const timer of this.#localGrace.values()) timer.cancel();
    this.#localGrace.clear();
    this.#answerLocally();
  }

  #touch(): void {
    this.#isDirty = true;
    if (!this.host.isUp) this.#answerLocally();
    else this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    try {
      // What else this turn brings goes into the same step.
      await Promise.resolve();
      while (this.#isDirty && this.host.isUp && !this.#isGone) await this.#step();
    } catch (error) {
      // What has become of the step is not known, so the next one says it all.
      this.#isCounted = false;
      this.#isDirty = true;
      this.#answerLocally();
      if (this.host.isUp) {
        this.host.failed(this.name, error);
        this.#schedule(RETRY_MS);
      }
    } finally {
      this.#running = undefined;
    }
  }

  async #step(): Promise<void> {
    this.#isDirty = false;
    const isHere = this.#subscriptions > 0;
    if (!this.#isEnlisted && (isHere || this.#isToBeTold)) {
      await this.host.enlist(this.name);
      this.#isEnlisted = true;
    }
    if (isHere || this.#isToBeTold) await this.#sync();
    else if (this.#isDue) await this.#settleOnly();
    if (this.#isWanted()) return;
    if (this.#isEnlisted) await this.host.mute(this.name);
    this.#isEnlisted = false;
    if (this.#isWanted() || this.isExpecting) return;
    await this.host.strike(this.name);
    // Nothing can come between this and the next line.
    if (!this.#isWanted()) this.host.forget(this.name);
  }

  /** Whether this node has subscriptions, or something has changed since the step began. */
  #isWanted(): boolean {
    return this.#subscriptions > 0 || this.#isDirty;
  }

  /** Whether Redis believes that this node has something here. */
  get #isToBeTold(): boolean {
    return this.#mayBeCounted || this.#told.size > 0;
  }

  async #settleOnly(): Promise<void> {
    this.#isDue = false;
    this.#apply(await this.host.occupy(this.name, this.#request('settle')), new Map());
  }

  async #sync(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    const wanted = new Map(this.#wanted);
    try {
      const request = this.#request('sync');
      this.#isDue = false;
      this.#mayBeCounted ||= request.count > 0;
      const reply = await this.host.occupy(this.name, request);
      if (reply.unknown === true) {
        this.#isCounted = false;
        this.#isDirty = true;
        this.#waiting = [...waiting, ...this.#waiting];
        await this.host.doubt();
        return;
      }
      this.#isCounted = this.#mayBeCounted = this.#isAnnounced = request.count > 0;
      this.#isQuiet = false;
      for (const id of reply.refused) wanted.delete(id);
      this.#apply(reply, wanted);
      for (const { userId, done } of waiting) {
        if (userId !== undefined && reply.refused.includes(userId)) done('full');
        else done();
      }
      this.#tellCount(reply);
    } catch (error) {
      this.#waiting = [...waiting, ...this.#waiting];
      throw error;
    }
  }

  /** What Redis does not know yet. */
  #request(mode: 'sync' | 'settle'): ChannelRequest {
    const full = !this.#isCounted;
    const joins = [...this.#wanted].filter(([id, info]) => this.#told.get(id) !== info);
    const leaves = [...this.#told.keys()]
      .filter((id) => !this.#wanted.has(id))
      .map((id) => [id, this.#departed.get(id) === true] as const);
    // Who went while Redis knew of nobody has to be there to be told gone.
    const base = full ? [...this.#told].filter(([id]) => this.#isQuiet || this.#wanted.has(id)) : [];
    return {
      mode,
      kind: this.#kind,
      count: this.#subscriptions,
      full,
      base,
      quiet: this.#isQuiet,
      joins,
      leaves,
      deliberate: this.#isDeliberate,
      known: String(this.roster.version),
    };
  }

  #apply(reply: OccupancyReply, told: ReadonlyMap<string, string>): void {
    if (reply.unknown === true) return;
    this.#told.clear();
    for (const [id, info] of told) this.#told.set(id, info);
    for (const id of this.#departed.keys()) if (!this.#told.has(id)) this.#departed.delete(id);
    for (const { version, id, info } of reply.changes) {
      if (this.roster.fit(Number(version)) === 'next') this.roster.change(Number(version), id, info);
    }
    if (reply.roster !== undefined && Number(reply.version) >= this.roster.version) {
      this.roster.replace(Number(reply.version), reply.roster, this.#isKeeping);
    }
    for (const event of reply.events) this.host.self.happened({ ...event, channel: this.name });
    const { status } = reply;
    if (status !== undefined) this.host.statusChanged(this.name, Number(status.version), status.online);
    if (reply.graceMs !== undefined) this.#schedule(reply.graceMs + GRACE_SLACK_MS);
  }

  #tellCount(reply: OccupancyReply): void {
    if (reply.unknown === true) return;
    if (reply.count !== undefined) this.host.self.counted(this.name, reply.count);
    if (reply.recountMs !== undefined) this.#schedule(reply.recountMs + GRACE_SLACK_MS);
  }

  /** One timer, for whatever comes first. */
  #schedule(milliseconds: number): void {
    const dueAt = this.host.clock.now() + milliseconds;
    if (dueAt >= this.#dueAt || this.#isGone) return;
    this.#timer?.cancel();
    this.#dueAt = dueAt;
    this.#timer = this.host.clock.after(milliseconds, () => {
      this.#timer = undefined;
      this.#dueAt = Number.POSITIVE_INFINITY;
      this.#isDue = true;
      this.#touch();
    });
  }

  /** Goes by what is known here: everybody who comes is let in, and told to whoever is here. */
  #answerLocally(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { userId, done } of waiting) {
      const info = userId === undefined ? undefined : this.#wanted.get(userId);
      if (userId === undefined || info === undefined) done();
      else if (this.#isFullFor(userId)) done('full');
      else {
        this.#localGrace.get(userId)?.cancel();
        this.#localGrace.delete(userId);
        this.roster.add({ id: userId, info: infoOf(info) });
        done();
      }
    }
  }

  #isFullFor(userId: string): boolean {
    const { maximumMembers } = this.host;
    const { users } = this.roster;
    return maximumMembers !== 0 && users.size >= maximumMembers && !users.has(userId);
  }

  #leaveLocally(userId: string, isDeliberate: boolean): void {
    if (isDeliberate || this.host.graceMs === 0) {
      this.roster.remove(userId);
      return;
    }
    this.#localGrace.get(userId)?.cancel();
    const timer = this.host.clock.after(this.host.graceMs, () => {
      this.#localGrace.delete(userId);
      if (!this.#wanted.has(userId)) this.roster.remove(userId);
    });
    this.#localGrace.set(userId, timer);
  }
}
