import type { JoinRefusal } from '../../ports/cluster.js';
import type { User } from '../../ports/user.js';
import { channelType } from '../../protocol/channel-name.js';
import { type BusMessage, infoOf, infoText } from './bus-message.js';
import { Alarm } from './alarm.js';
import { type Entry, Holdings } from './holdings.js';
import { kindOf, type OccupancyChange, type OccupancyRequest } from './occupancy-script.js';
import type { ChannelRequest, LinkHost } from './link-host.js';
import { LoneRoster } from './lone-roster.js';
import { Roster } from './roster.js';

type Joined = (refusal?: JoinRefusal) => void;

interface Waiting {
  readonly userId: string | undefined;
  readonly done: Joined;
}

/** A failed step is made again after so long, when the connection is still there. */
const RETRY_MS = 500;
/** Our timers and Redis's clock do not tick together. */
const GRACE_SLACK_MS = 5;

/** What every channel without presence has; most channels are one user's own, so they share it. */
const NO_HOLDINGS = new Holdings();
const NO_ROSTER = new Roster(
  () => undefined,
  () => undefined,
);

/**
 * What this node has to do with one channel, and how far Redis knows of it. What the node wants is written down at once;
 * one step after the other then brings Redis up to date, and each takes along all that was wanted by then. So nothing
 * piles up while Redis is away, and the way back is an ordinary step.
 */
export class ChannelLink {
  readonly roster: Roster;
  readonly #holdings: Holdings;
  readonly #kind: OccupancyRequest['kind'];
  readonly #isCached: boolean;
  #subscriptions = 0;
  #isDeliberate = false;
  #waiting: Waiting[] = [];
  #isEnlisted = false;
  /** Whether Redis counts this node in, and what it was told is so. */
  #isCounted = false;
  /** Whether Redis may count this node in, for all that is known here. */
  #mayBeCounted = false;
  /** Whether everybody was told that the channel is occupied, on this node's account. */
  #isAnnounced = false;
  /** What Redis had, besides what this node had told it, when it lost its data. */
  #lost: Pick<ChannelRequest, 'seeds' | 'kept'> | undefined;
  /** Whether what is new waits, because others may not have told what is old. */
  #isHoldingNews = false;
  #isDirty = false;
  #running: Promise<void> | undefined;
  #isGone = false;
  /** The next step that time brings: the end of a grace period, a count to be told, another attempt. */
  readonly #alarm: Alarm;
  #isDue = false;
  readonly #lone: LoneRoster;

  constructor(
    readonly name: string,
    private readonly host: LinkHost,
  ) {
    this.#kind = kindOf(name);
    this.#isCached = channelType(name).cached;
    const isPresence = this.#kind === 'presence';
    this.#holdings = isPresence ? new Holdings() : NO_HOLDINGS;
    this.roster = isPresence ? this.#newRoster() : NO_ROSTER;
    this.#lone = new LoneRoster(this.roster, host.clock, host.graceMs, host.maximumMembers);
    this.#alarm = new Alarm(host.clock, () => {
      this.#isDue = true;
      this.#touch();
    });
  }

  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Whether somebody may come back whose leaving this node would have to tell. */
  get isExpecting(): boolean {
    return this.#alarm.isSet;
  }

  join(subscriptions: number, user: User | undefined, done: Joined): void {
    this.#subscriptions = subscriptions;
    if (user !== undefined) this.#holdings.join(user.id, infoText(user.info));
    this.#waiting.push({ userId: user?.id, done });
    this.#touch();
  }

  leave(subscriptions: number, userId: string | undefined, isDeliberate: boolean): void {
    this.#subscriptions = subscriptions;
    this.#isDeliberate = isDeliberate;
    if (userId !== undefined) {
      this.#holdings.leave(userId, isDeliberate);
      if (!this.host.isUp) this.#lone.leave(userId, isDeliberate);
    }
    this.#touch();
  }

  /** Somebody's grace period ends later, and whoever began it is gone. */
  expect(graceMs: number): void {
    this.#alarm.set(graceMs + GRACE_SLACK_MS);
  }

  /** A change of the roster, on another node or on this one. */
  changed(message: Extract<BusMessage, { kind: 'added' | 'removed' }>): void {
    const fit = this.roster.fit(message.version);
    if (fit === 'next') {
      this.roster.change(message.version, message.id, message.kind === 'added' ? message.info : undefined);
    } else if (fit === 'gap') this.#touch();
  }

  /** Redis is there again, with its data or without, or has forgotten this node: everything has to be told anew. */
  reset(isLost: boolean): void {
    this.#isEnlisted = false;
    this.#isCounted = false;
    // Who came and went while Redis was away is news to nobody.
    for (const id of this.#lone.end()) if (!this.#holdings.isTold(id)) this.roster.remove(id);
    if (!isLost) return;
    this.#isHoldingNews = true;
    this.#lost = { seeds: this.#seeds(), kept: this.#subscriptions === 0 && this.isExpecting };
  }

  /** Whether Redis had anything from this node when it lost its data. */
  get isOldNews(): boolean {
    return this.#isAnnounced || this.#isToBeTold;
  }

  /** Takes a step now; resolves when nothing is under way any more. */
  refresh(): Promise<void> {
    this.#touch();
    return this.idle();
  }

  /** Every node has told Redis by now what it had lost. */
  async tellNews(): Promise<void> {
    if (!this.#isHoldingNews) return;
    this.#isHoldingNews = false;
    if (!this.#isCounted || this.#holdings.joins().length > 0) await this.refresh();
  }

  /** Redis is gone: nobody waits for it. */
  goAlone(): void {
    for (const [id, isDeliberate] of this.#holdings.departed) this.#lone.leave(id, isDeliberate);
    this.#answerLocally();
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  close(): void {
    this.#isGone = true;
    this.#alarm.cancel();
    this.#lone.end();
    this.#answerLocally();
  }

  #newRoster(): Roster {
    const { host, name } = this;
    return new Roster(
      (user) => {
        host.self.memberAdded(name, user);
      },
      (userId) => {
        this.#holdings.gone(userId);
        host.self.memberRemoved(name, userId);
      },
    );
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
        this.#alarm.set(RETRY_MS);
      }
    } finally {
      this.#running = undefined;
    }
  }

  async #step(): Promise<void> {
    this.#isDirty = false;
    const isToBeTold = this.#subscriptions > 0 || this.#isToBeTold;
    if (!this.#isEnlisted && isToBeTold) {
      await this.host.enlist(this.name);
      this.#isEnlisted = true;
    }
    if (isToBeTold) await this.#sync();
    else if (this.#isDue) await this.#settle();
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

  /** Whether Redis believes that this node has something here, or should. */
  get #isToBeTold(): boolean {
    const { seeds = [], kept = false } = this.#lost ?? {};
    return this.#mayBeCounted || this.#holdings.isAnyTold || seeds.length > 0 || kept;
  }

  async #settle(): Promise<void> {
    this.#isDue = false;
    const request = this.#request('settle', []);
    const { latest } = this.roster;
    const reply = await this.host.occupy(this.name, request);
    if (reply.unknown !== true) this.#apply(reply, request, latest);
  }

  async #sync(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      const request = this.#request('sync', waiting);
      const { latest } = this.roster;
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
      this.#lost = undefined;
      this.#apply(reply, request, latest);
      for (const { userId, done } of waiting) {
        if (userId !== undefined && reply.refused.includes(userId)) done('full');
        else done();
      }
      if (reply.count !== undefined) this.host.self.counted(this.name, reply.count);
      if (reply.recountMs !== undefined) this.#alarm.set(reply.recountMs + GRACE_SLACK_MS);
    } catch (error) {
      this.#waiting = [...waiting, ...this.#waiting];
      throw error;
    }
  }

  /** What Redis does not know yet. */
  #request(mode: 'sync' | 'settle', waiting: readonly Waiting[]): ChannelRequest {
    const full = !this.#isCounted;
    const isLost = this.#lost !== undefined;
    const isHoldingNews = this.#isHoldingNews && waiting.length === 0;
    return {
      mode,
      kind: this.#kind,
      count: this.#subscriptions,
      full,
      base: full ? this.#holdings.base(isLost) : [],
      quiet: isLost && this.#isAnnounced,
      seeds: this.#lost?.seeds ?? [],
      kept: this.#lost?.kept ?? false,
      joins: isHoldingNews ? [] : this.#holdings.joins(),
      leaves: this.#holdings.leaves(),
      deliberate: this.#isDeliberate,
      known: String(this.roster.version),
      cached: this.#isCached,
      joined: waiting.length > 0,
    };
  }

  #apply(reply: OccupancyChange, { joins, leaves }: ChannelRequest, latest: number): void {
    const isExpecting = reply.graceMs !== undefined;
    const left = leaves.map(([id]) => id);
    this.#holdings.told(joins, reply.refused, left, isExpecting);
    for (const { version, id, info } of reply.changes) {
      if (this.roster.fit(Number(version)) === 'next') this.roster.change(Number(version), id, info);
    }
    if (reply.roster !== undefined && Number(reply.version) >= this.roster.version) {
      this.roster.replace(Number(reply.version), reply.roster, (id) => this.#holdings.isWanted(id));
    }
    if (this.roster.isBehind(latest)) this.#isDirty = true;
    for (const event of reply.events) this.host.self.happened({ ...event, channel: this.name });
    const { status } = reply;
    if (status !== undefined) this.host.statusChanged(this.name, Number(status.version), status.online);
    if (reply.graceMs !== undefined) this.#alarm.set(reply.graceMs + GRACE_SLACK_MS);
  }

  /** Who is there, as far as this node can tell, and not through this node. */
  #seeds(): readonly Entry[] {
    // Where nobody hears the channel here any more, the roster is an old one.
    if (this.#subscriptions === 0) return this.#holdings.expected();
    return [...this.roster.users.values()]
      .filter(({ id }) => !this.#holdings.isWanted(id) && !this.#holdings.departed.has(id))
      .map(({ id, info }) => [id, infoText(info)]);
  }

  /** Goes by what is known here: everybody who comes is let in, and told to whoever is here. */
  #answerLocally(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { userId, done } of waiting) {
      const info = userId === undefined ? undefined : this.#holdings.infoOf(userId);
      if (userId === undefined || info === undefined) done();
      else done(this.#lone.join(userId, infoOf(info)) ? undefined : 'full');
    }
  }
}
