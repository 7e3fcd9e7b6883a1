import pMap from 'p-map';
import type { Clock } from '../../../ports/clock.js';
import type { ClusterNode } from '../../../ports/cluster.js';
import type { SocketLogger } from '../../../ports/logger.js';
import { channelType } from '../../../protocol/channel-name.js';
import { InTurn } from '../in-turn.js';
import type { Reaped } from '../leases.js';
import type { RestoredNodes } from '../restored-nodes.js';
import type { WatchedUsers } from '../watched-users.js';
import { ChannelSync, type SyncContext } from './channel-sync.js';
import type { OccupancyStore } from './occupancy-store.js';
import type { PresenceLimits } from './offline-roster.js';
import { Reconciliation } from './reconciliation.js';
import { RecoveryWindow } from './recovery-window.js';
import type { RosterChange } from './roster.js';

/** How many channels are restored at a time when Redis is back. More of them would be a burst that delays everything else. */
const RESTORE_CONCURRENCY = 256;
/** How many steps are under way at a time. More of them would not be faster, and would delay everything else. */
const STEP_CONCURRENCY = 128;
/** Failed steps are logged at most this often. */
const FAILURE_LOG_MS = 10_000;

/** The parts that {@link ChannelSyncs} work with. */
export interface SyncsParts {
  readonly store: OccupancyStore;
  readonly clock: Clock;
  readonly logger: SocketLogger;
  readonly self: ClusterNode;
  readonly watched: WatchedUsers;
  readonly limits: PresenceLimits;
  readonly restoredNodes: Pick<RestoredNodes, 'await' | 'restored' | 'areAll'>;
  /** Called when Redis does not have what this node has reported. */
  readonly differed: () => void;
  /** Called when Redis may have lost data, and every node had the time to report what it has. */
  readonly recovered: () => void;
}

/** Every channel that this node has a part in: it has subscriptions, reported something, or has a timer to wait for. */
export class ChannelSyncs {
  readonly #parts: SyncsParts;
  readonly #context: SyncContext;
  readonly #recovery: RecoveryWindow;
  readonly #syncs = new Map<string, ChannelSync>();
  readonly #reconciliation: Reconciliation;
  #restorations = 0;
  #failureLoggedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: SyncsParts) {
    const { store, clock, self, watched, limits } = parts;
    const turns = new InTurn(STEP_CONCURRENCY);
    this.#parts = parts;
    this.#recovery = new RecoveryWindow(clock, parts.restoredNodes, (wasHolding, areAllBack) => {
      for (const sync of [...this.#syncs.values()]) void sync.recoveryEnded(areAllBack);
      if (wasHolding) parts.recovered();
    });
    this.#reconciliation = new Reconciliation(this.#syncs, store, clock, (isAllSame) => {
      if (!isAllSame) parts.differed();
    });
    this.#context = {
      ...{ store, clock, self, watched, limits },
      recovery: this.#recovery,
      inTurn: (step) => turns.run(step),
      failed: (channel, error) => {
        this.#logFailure(channel, error);
      },
      forget: (channel) => {
        this.#forget(channel);
      },
    };
  }

  /** How many channels this node has a part in. */
  get size(): number {
    return this.#syncs.size;
  }

  /** The channel, if this node has a part in it. */
  find(channel: string): ChannelSync | undefined {
    return this.#syncs.get(channel);
  }

  /** Whether this node has subscriptions of a channel. */
  isSubscribed(channel: string): boolean {
    return (this.find(channel)?.subscriptions ?? 0) > 0;
  }

  /** The channel. From now on this node has a part in it. */
  of(channel: string): ChannelSync {
    const known = this.#syncs.get(channel);
    if (known !== undefined) return known;
    const sync = new ChannelSync(channel, this.#context);
    this.#syncs.set(channel, sync);
    this.#reconciliation.start();
    return sync;
  }

  /** A change of a channel's roster that any node made. */
  rosterChanged(channel: string, change: RosterChange): void {
    this.#syncs.get(channel)?.rosterChanged(change);
  }

  /** Redis has lost a channel that another node wants to report. */
  reportAgain(channel: string): void {
    this.#syncs.get(channel)?.reportAgain();
  }

  /** Redis may have lost data: nobody new is let in before everything is reported again. */
  hold(): void {
    this.#restorations++;
    this.#recovery.open(true);
  }

  /**
   * Reports everything to Redis again.
   *
   * @param isDataLost whether Redis may have lost data
   */
  async restore(isDataLost: boolean): Promise<void> {
    const restoration = ++this.#restorations;
    this.#recovery.open(isDataLost);
    for (const sync of this.#syncs.values()) sync.reset();
    if (isDataLost) await this.correct();
    const syncs = [...this.#syncs.values()];
    const first = isDataLost ? syncs.filter(({ mayHaveBeenInRedis }) => mayHaveBeenInRedis) : syncs;
    await pMap(first, (sync) => sync.refresh(), { concurrency: RESTORE_CONCURRENCY });
    if (!isDataLost || restoration !== this.#restorations) return;
    // A step that failed is repeated until it succeeds.
    let left = first;
    await this.#parts.restoredNodes.restored(() => {
      left = left.filter(({ isRestored }) => !isRestored);
      return left.length === 0;
    });
  }

  /**
   * Corrects what Redis has of this node on the channels of this node's list that the node has no part in, or has not reported
   * yet. Never rejects.
   */
  async correct(): Promise<void> {
    try {
      for await (const channels of this.#parts.store.listed()) {
        for (const channel of channels) this.#syncs.get(channel)?.differs();
        await pMap(channels, (channel) => this.#disown(channel), { concurrency: RESTORE_CONCURRENCY });
      }
    } catch {
      // Redis is away: this comes again when it is back.
    }
  }

  async #disown(channel: string): Promise<void> {
    const { store, self } = this.#parts;
    await store.keepLease();
    if (this.#syncs.has(channel)) return;
    const reply = await store.disown(channel);
    for (const event of reply?.events ?? []) self.emit({ ...event, channel });
    if (reply?.graceMs !== undefined) this.of(channel).settleAfter(reply.graceMs);
    else if (!this.#syncs.has(channel)) await store.deregister(channel);
  }

  /** Redis is away. */
  goOffline(): void {
    for (const sync of this.#syncs.values()) sync.goOffline();
  }

  /**
   * Removes from a channel everything that belongs to a node whose lease is over. If that starts grace periods, this node ends
   * them.
   */
  async reap(channel: string, reaped: Reaped): Promise<void> {
    const { store, self } = this.#parts;
    const { events, graceMs, recountMs } = await store.reap(channel, reaped);
    for (const event of events) self.emit({ ...event, channel });
    await this.#takeOver(channel, [graceMs, recountMs]);
  }

  /** Ends the grace periods of a channel that no node has a part in. */
  async adopt(channel: string): Promise<void> {
    const { store, self } = this.#parts;
    const { events, graceMs } = await store.settle(channel);
    for (const event of events) self.emit({ ...event, channel });
    await this.#takeOver(channel, [graceMs]);
  }

  /** Ends a member's grace period on a channel now, if it is running. Rejects when Redis cannot be reached. */
  async endGrace(channel: string, userId: string): Promise<void> {
    if (channelType(channel).access !== 'presence') return;
    const { store, self } = this.#parts;
    const { events } = await store.settle(channel, userId);
    for (const event of events) self.emit({ ...event, channel });
  }

  /** Resolves when no step is under way any more. @returns whether any channel has a timer to wait for */
  async idle(): Promise<boolean> {
    await Promise.all([...this.#syncs.values()].map((sync) => sync.idle()));
    return [...this.#syncs.values()].some(({ hasTimer }) => hasTimer);
  }

  /** Stops every timer, answers every join that waits, and forgets every channel. */
  close(): void {
    this.#recovery.cancel();
    this.#reconciliation.stop();
    for (const sync of this.#syncs.values()) sync.close();
    this.#syncs.clear();
  }

  /** This node ends grace periods, and announces counts, in so many milliseconds. */
  async #takeOver(channel: string, timesMs: readonly (number | undefined)[]): Promise<void> {
    const known = timesMs.filter((ms) => ms !== undefined);
    if (known.length === 0) return;
    await this.#parts.store.list(channel);
    this.of(channel).settleAfter(Math.min(...known));
  }

  #forget(channel: string): void {
    this.#syncs.get(channel)?.close();
    this.#syncs.delete(channel);
  }

  #logFailure(channel: string, error: unknown): void {
    const { clock, logger } = this.#parts;
    const now = clock.now();
    if (now - this.#failureLoggedAt < FAILURE_LOG_MS) return;
    this.#failureLoggedAt = now;
    logger.warn(
      `Could not update the channel ${channel} in Redis; this node will try again: ${String(error)}`,
    );
  }
}
