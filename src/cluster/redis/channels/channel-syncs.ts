import pLimit from 'p-limit';
import pMap from 'p-map';
import type { Clock } from '../../../ports/clock.js';
import type { ClusterNode } from '../../../ports/cluster.js';
import type { SocketLogger } from '../../../ports/logger.js';
import { channelType } from '../../../protocol/channel-name.js';
import type { WatchedUsers } from '../watched-users.js';
import { ChannelSync, type SyncContext } from './channel-sync.js';
import type { OccupancyStore } from './occupancy-store.js';
import type { PresenceLimits } from './offline-roster.js';
import type { RosterChange } from './presence.js';
import { RecoveryWindow } from './recovery-window.js';

/** How many channels are restored at a time when Redis is back. More of them would be a burst that delays everything else. */
const RESTORE_CONCURRENCY = 256;
/** How many steps are under way at a time. More of them would not be faster, and would delay everything else. */
const STEP_CONCURRENCY = 512;
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
}

/** Every channel that this node has a part in: it has subscriptions, reported something, or has a timer to wait for. */
export class ChannelSyncs {
  readonly #parts: SyncsParts;
  readonly #context: SyncContext;
  readonly #recovery: RecoveryWindow;
  readonly #syncs = new Map<string, ChannelSync>();
  #failureLoggedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: SyncsParts) {
    const { store, clock, self, watched, limits } = parts;
    this.#parts = parts;
    this.#recovery = new RecoveryWindow(clock, () => {
      for (const sync of [...this.#syncs.values()]) void sync.recoveryEnded();
    });
    this.#context = {
      ...{ store, clock, self, watched, limits },
      recovery: this.#recovery,
      inTurn: pLimit(STEP_CONCURRENCY),
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
    return sync;
  }

  /** A change of a channel's roster that any node made. */
  rosterChanged(channel: string, change: RosterChange): void {
    this.#syncs.get(channel)?.rosterChanged(change);
  }

  /**
   * Reports everything to Redis again.
   *
   * @param isDataLost whether Redis has lost its data
   */
  async restore(isDataLost: boolean): Promise<void> {
    const syncs = [...this.#syncs.values()];
    for (const sync of syncs) sync.reset(isDataLost);
    if (isDataLost) this.#recovery.open();
    const first = isDataLost ? syncs.filter(({ mayHaveBeenInRedis }) => mayHaveBeenInRedis) : syncs;
    await pMap(first, (sync) => sync.refresh(), { concurrency: RESTORE_CONCURRENCY });
  }

  /** Redis is away. */
  goOffline(): void {
    for (const sync of this.#syncs.values()) sync.goOffline();
  }

  /**
   * Removes from a channel everything that belongs to a node whose lease has expired. If that starts grace periods, this node
   * ends them.
   *
   * @param node the name of that lease
   * @param since when that node was last heard of, in milliseconds by Redis's clock
   * @param isLast whether to end all grace periods of the channel, because no other node is left that would
   */
  async reap(channel: string, node: string, since: number, isLast: boolean): Promise<void> {
    const { store, self } = this.#parts;
    const { events, graceMs, recountMs } = await store.reap(channel, node, since, isLast);
    for (const event of events) self.emit({ ...event, channel });
    const timesMs = [graceMs, recountMs].filter((ms) => ms !== undefined);
    if (timesMs.length === 0) return;
    await store.list(channel);
    this.of(channel).settleAfter(Math.min(...timesMs));
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
    for (const sync of this.#syncs.values()) sync.close();
    this.#syncs.clear();
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
