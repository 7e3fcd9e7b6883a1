import type { JoinRefusal } from '../../../ports/cluster.js';
import type { User } from '../../../ports/user.js';
import { channelType } from '../../../protocol/channel-name.js';
import { type BusMessage, infoOf, infoText } from '../bus-message.js';
import { EarliestTimer } from './earliest-timer.js';
import { type Entry, LocalMembers } from './local-members.js';
import { kindOf, type OccupancyChange, type OccupancyRequest } from '../scripts/occupancy-script.js';
import type { ChannelRequest, LinkHost } from './link-host.js';
import { OfflineRoster } from './offline-roster.js';
import { Roster } from './roster.js';

type Joined = (refusal?: JoinRefusal) => void;

interface Waiting {
  readonly userId: string | undefined;
  readonly done: Joined;
}

/** A failed step is made again after so long, when the connection is still there. */
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 8_000;
/** Our timers and Redis's clock do not tick together. */
const GRACE_SLACK_MS = 5;

/** What every channel without presence has; most channels are one user's own, so they share it. */
const NO_HOLDINGS = new LocalMembers();
const NO_ROSTER = new Roster(
  () => undefined,
  () => undefined,
);

/**
 * What this node has to do with one channel, and how far Redis knows of it. What the node wants is written down at once;
 * one step after the other then brings Redis up to date, and each takes along all that was wanted by then. So nothing
 * piles up while Redis is away, and the way back is an ordinary step.
 */
export class ChannelSync {
  readonly roster: Roster;
  readonly #localMembers: LocalMembers;
  readonly #kind: OccupancyRequest['kind'];
  readonly #isCached: boolean;
  #subscriptions = 0;
  #isDeliberate = false;
  #waiting: Waiting[] = [];
  #isRegistered = false;
  /** Whether Redis counts this node in, and what it was told is so. */
  #isCounted = false;
  /** Whether Redis may count this node in, for all that is known here. */
  #mayBeCounted = false;
  /** Under which name this node was counted in last; empty where it was not. */
  #countedAs = '';
  /** Whether Redis has lost its data. */
  #isLost = false;
  /** What it had then, or may have had, besides what this node had told it. */
  #lost: Pick<ChannelRequest, 'seeds' | 'kept'> | undefined;
  /** How often everything had to be told anew. */
  #generation = 0;
  #retryMs = FIRST_RETRY_MS;
  #isDirty = false;
  #running: Promise<void> | undefined;
  #isGone = false;
  /** The next step that time brings: the end of a grace period, a count to be told, another attempt. */
  readonly #timer: EarliestTimer;
  #isDue = false;
  readonly #offline: OfflineRoster;

  constructor(
    readonly name: string,
    private readonly host: LinkHost,
  ) {
    this.#kind = kindOf(name);
    this.#isCached = channelType(name).cached;
    const isPresence = this.#kind === 'presence';
    this.#localMembers = isPresence ? new LocalMembers() : NO_HOLDINGS;
    this.roster = isPresence ? this.#newRoster() : NO_ROSTER;
    this.#offline = new OfflineRoster(
      this.roster,
      host.clock,
      host.graceMs,
      host.maximumMembers,
      (userId) => {
        this.#localMembers.missed(userId);
        this.#forgetIfIdle();
      },
    );
    this.#timer = new EarliestTimer(host.clock, () => {
      this.#isDue = true;
      this.#touch();
    });
  }

  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Whether somebody may come back whose leaving this node would have to tell. */
  get isExpecting(): boolean {
    return this.#timer.isSet;
  }

  join(subscriptions: number, user: User | undefined, done: Joined): void {
    this.#subscriptions = subscriptions;
    if (user !== undefined) {
      this.#localMembers.join(user.id, infoText(user.info));
      this.#offline.stay(user.id);
    }
    this.#waiting.push({ userId: user?.id, done });
    this.#touch();
  }

  leave(subscriptions: number, userId: string | undefined, isDeliberate: boolean): void {
    this.#subscriptions = subscriptions;
    this.#isDeliberate = isDeliberate;
    if (userId !== undefined) {
      const isTelling = this.#running !== undefined && this.host.isUp;
      this.#localMembers.leave(userId, isDeliberate, isTelling);
      // Whom Redis was not told of it cannot tell gone.
      if (!isTelling && (!this.host.isUp || !this.#localMembers.isTold(userId))) {
        this.#offline.leave(userId, isDeliberate);
      }
    }
    this.#touch();
  }

  /** Somebody's grace period ends later, and whoever began it is gone. */
  expect(graceMs: number): void {
    this.#timer.set(graceMs + GRACE_SLACK_MS);
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
    this.#isRegistered = false;
    this.#isCounted = false;
    this.#generation++;
    // Who came and went while Redis was away is news to nobody.
    for (const id of this.#offline.end()) if (!this.#localMembers.isTold(id)) this.roster.remove(id);
    this.#isLost ||= isLost;
    this.#lost = {
      seeds: this.#isLost || this.#subscriptions > 0 ? this.#seeds() : [],
      kept: isLost && this.#subscriptions === 0 && this.isExpecting,
    };
  }

  /** Whether Redis had anything from this node when it lost its data. */
  get isOldNews(): boolean {
    return this.#countedAs !== '' || this.#isToBeTold;
  }

  /** Takes a step now; resolves when nothing is under way any more. */
  refresh(): Promise<void> {
    this.#touch();
    return this.idle();
  }

  /** Every node has told Redis by now what it had lost. */
  async tellNews(): Promise<void> {
    if (!this.#isCounted || this.#waiting.length > 0 || this.#localMembers.joins().length > 0)
      await this.refresh();
  }

  /** Redis is gone: nobody waits for it. */
  goOffline(): void {
    for (const [id, isDeliberate] of this.#localMembers.departed) this.#offline.leave(id, isDeliberate);
    for (const [id] of this.#localMembers.expected()) this.#offline.leave(id, false);
    this.#answerLocally();
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  close(): void {
    this.#isGone = true;
    this.#timer.cancel();
    this.#offline.end();
    this.#answerLocally();
  }

  #newRoster(): Roster {
    const { host, name } = this;
    return new Roster(
      (user) => {
        host.self.memberAdded(name, user);
      },
      (userId) => {
        this.#localMembers.gone(userId);
        host.self.memberRemoved(name, userId);
      },
    );
  }

  #touch(): void {
    this.#isDirty = true;
    if (!this.host.isUp) {
      this.#answerLocally();
      this.#forgetIfIdle();
    } else if (!this.host.isHoldingNews || this.isOldNews) this.#running ??= this.#run();
  }

  /**
   * While Redis is away nothing is kept of a channel that nobody is on, and that Redis knows nothing of. Of a grace period
   * that ended meanwhile it knows, and nobody else ends it.
   */
  #forgetIfIdle(): void {
    const isAwaited = this.isExpecting || this.#isDue || this.#offline.isExpecting;
    const isKept = this.#subscriptions > 0 || this.#isToBeTold || isAwaited;
    if (!isKept && !this.host.isUp && this.#running === undefined) this.host.forget(this.name);
  }

  async #run(): Promise<void> {
    try {
      // What else this turn brings goes into the same step.
      await Promise.resolve();
      while (this.#isDirty && this.host.isUp && !this.#isGone) await this.host.inTurn(() => this.#step());
      this.#retryMs = FIRST_RETRY_MS;
    } catch (error) {
      // What has become of the step is not known, so the next one says it all.
      this.#isCounted = false;
      this.#isDirty = true;
      this.#answerLocally();
      if (this.host.isUp) {
        this.host.failed(this.name, error);
        // Not all channels at once, and less and less often.
        this.#timer.set(this.#retryMs * (1 + Math.random()));
        this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS);
      }
    } finally {
      this.#running = undefined;
    }
  }

  async #step(): Promise<void> {
    this.#isDirty = false;
    const isToBeTold = this.#subscriptions > 0 || this.#isToBeTold;
    if (!this.#isRegistered && isToBeTold) {
      const generation = this.#generation;
      await this.host.register(this.name);
      // It may have been for a connection, or under a name, that is no more.
      this.#isRegistered = generation === this.#generation;
      if (!this.#isRegistered) this.#isDirty = true;
    }
    if (isToBeTold) await this.#sync();
    else if (this.#isDue) await this.#settle();
    if (this.#isWanted()) return;
    if (this.#isRegistered) await this.host.unsubscribe(this.name);
    this.#isRegistered = false;
    if (!this.#isOver()) return;
    await this.host.deregister(this.name);
    // Nothing can come between this and the next line.
    if (this.#isOver()) this.host.forget(this.name);
  }

  #isOver(): boolean {
    return !this.#isWanted() && !this.isExpecting;
  }

  /** Whether this node has subscriptions, or something has changed since the step began. */
  #isWanted(): boolean {
    return this.#subscriptions > 0 || this.#isDirty;
  }

  /** Whether Redis believes that this node has something here, or should. */
  get #isToBeTold(): boolean {
    const { seeds = [], kept = false } = this.#lost ?? {};
    return this.#mayBeCounted || this.#localMembers.isAnyTold || seeds.length > 0 || kept;
  }

  async #settle(): Promise<void> {
    const request = this.#request('settle', []);
    const { latest } = this.roster;
    const reply = await this.host.occupy(this.name, request);
    if (reply.unknown === true) return;
    this.#apply(reply, request, latest);
    this.#tellCount(reply);
  }

  async #sync(): Promise<void> {
    // Whoever is news waits for the step that tells it.
    const { isHoldingNews } = this.host;
    const waiting = this.#waiting.filter((one) => !isHoldingNews || this.#isOld(one));
    this.#waiting = this.#waiting.filter((one) => !waiting.includes(one));
    try {
      const request = this.#request('sync', waiting);
      const { latest } = this.roster;
      const generation = this.#generation;
      this.#mayBeCounted ||= request.count > 0;
      const reply = await this.host.occupy(this.name, request);
      if (reply.unknown === true) {
        this.#isCounted = false;
        this.#isDirty = true;
        this.#waiting = [...waiting, ...this.#waiting];
        await this.host.doubt();
        return;
      }
      this.#isCounted = this.#mayBeCounted = request.count > 0;
      this.#countedAs = request.count > 0 ? this.host.leaseName : '';
      if (generation === this.#generation) {
        this.#lost = undefined;
        this.#isLost = false;
      } else {
        this.#isCounted = false;
        this.#isDirty = true;
      }
      this.#apply(reply, request, latest);
      for (const one of waiting.splice(0)) this.#answer(one, reply.refused);
      this.#tellCount(reply);
    } catch (error) {
      this.#waiting = [...waiting, ...this.#waiting];
      throw error;
    }
  }

  #isOld({ userId }: Waiting): boolean {
    return userId === undefined || this.#localMembers.isTold(userId);
  }

  /** What Redis does not know yet. */
  #request(mode: 'sync' | 'settle', waiting: readonly Waiting[]): ChannelRequest {
    const full = !this.#isCounted;
    return {
      mode,
      kind: this.#kind,
      count: this.#subscriptions,
      full,
      base: full ? this.#localMembers.base() : [],
      lost: this.#isLost,
      countedAs: this.#countedAs,
      seeds: this.#lost?.seeds ?? [],
      kept: this.#lost?.kept ?? false,
      joins: this.host.isHoldingNews ? [] : this.#localMembers.joins(),
      awaited: waiting.flatMap(({ userId }) => userId ?? []),
      leaves: this.#localMembers.leaves(),
      deliberate: this.#isDeliberate,
      known: String(this.roster.version),
      cached: this.#isCached,
      joined: waiting.length > 0,
    };
  }

  #apply(reply: OccupancyChange, request: ChannelRequest, latest: number): void {
    const { joins, leaves, count, seeds } = request;
    const isExpecting = reply.graceMs !== undefined;
    const left = leaves.map(([id]) => id);
    this.#localMembers.told(joins, reply.refused, left, isExpecting);
    for (const { version, id, info } of reply.changes) {
      if (this.roster.fit(Number(version)) === 'next') this.roster.change(Number(version), id, info);
    }
    if (reply.roster !== undefined && Number(reply.version) >= this.roster.version) {
      const { leaving = [] } = reply;
      const gone = leaves
        .filter(([id, isDeliberate]) => isDeliberate && leaving.includes(id))
        .map(([id]) => id);
      this.roster.replace(
        Number(reply.version),
        reply.roster,
        (id) => this.#localMembers.isWanted(id),
        (id) => gone.includes(id),
      );
    }
    if (this.roster.isBehind(latest)) this.#isDirty = true;
    for (const event of reply.events) this.host.self.emit({ ...event, channel: this.name });
    const { status } = reply;
    if (status !== undefined) this.host.statusChanged(this.name, Number(status.version), status.online);
    // Whoever began a grace period ends it, and not everybody who hears of it.
    const isOurs = this.#isDue || leaves.length > 0 || count === 0 || seeds.length > 0;
    this.#isDue = false;
    if (reply.graceMs !== undefined && isOurs) this.#timer.set(reply.graceMs + GRACE_SLACK_MS);
  }

  #tellCount({ count, recountMs }: OccupancyChange): void {
    if (count !== undefined) this.host.self.counted(this.name, count);
    if (recountMs !== undefined) this.#timer.set(recountMs + GRACE_SLACK_MS);
  }

  /** Who is there, as far as this node can tell, and not through this node. */
  #seeds(): readonly Entry[] {
    // Where nobody hears the channel here any more, the roster is an old one.
    if (this.#subscriptions === 0) return this.#localMembers.expected();
    return [...this.roster.users.values()]
      .filter(({ id }) => !this.#localMembers.isWanted(id) && !this.#localMembers.departed.has(id))
      .map(({ id, info }) => [id, infoText(info)]);
  }

  /** Goes by what is known here: everybody who comes is let in, and told to whoever is here. */
  #answerLocally(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      const { userId } = one;
      const info = userId === undefined ? undefined : this.#localMembers.infoOf(userId);
      const isIn = userId === undefined || info === undefined || this.#offline.join(userId, infoOf(info));
      this.#answer(one, isIn ? [] : [userId]);
    }
  }

  /** Nobody's answer depends on how another takes it. */
  #answer({ userId, done }: Waiting, refused: readonly string[]): void {
    try {
      if (userId !== undefined && refused.includes(userId)) done('full');
      else done();
    } catch (error) {
      this.host.failed(this.name, error);
    }
  }
}
