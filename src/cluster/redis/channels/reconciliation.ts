import type { Clock } from '../../../ports/clock.js';
import { Rounds } from '../rounds.js';
import type { ChannelSync } from './channel-sync.js';
import type { OccupancyStore } from './occupancy-store.js';

/**
 * Compares, one channel after the other, what Redis has of this node with what the node has reported. It finds what no event tells:
 * Redis has evicted a key, or a server of a Redis Cluster came back with older data. It costs one command per channel and round.
 */
export class Reconciliation {
  readonly #store: Pick<OccupancyStore, 'isUp' | 'look'>;
  readonly #compared: (isAllSame: boolean) => void;
  readonly #rounds: Rounds<ChannelSync>;

  /** @param compared called after each batch: whether Redis has what this node has reported */
  constructor(
    syncs: ReadonlyMap<string, ChannelSync>,
    store: Pick<OccupancyStore, 'isUp' | 'look'>,
    clock: Clock,
    compared: (isAllSame: boolean) => void,
  ) {
    this.#store = store;
    this.#compared = compared;
    this.#rounds = new Rounds(syncs, clock, (batch) => this.#compare(batch.map(([, sync]) => sync)));
  }

  /** Compares from now on, for as long as there are channels. */
  start(): void {
    this.#rounds.start();
  }

  /** Stops the timer for good. */
  stop(): void {
    this.#rounds.stop();
  }

  async #compare(syncs: readonly ChannelSync[]): Promise<void> {
    const asked = syncs.flatMap((sync) => {
      const report = sync.lastReport;
      return report === undefined ? [] : [{ sync, report }];
    });
    if (asked.length === 0 || !this.#store.isUp) return;
    try {
      const { now, looks } = await this.#store.look(asked.map(({ sync }) => sync.name));
      const isSame = asked.map(({ sync, report }, index) => {
        const look = looks[index];
        // A report meanwhile has changed what Redis has.
        return look === undefined || sync.lastReport !== report || sync.compare(look, now);
      });
      this.#compared(!isSame.includes(false));
    } catch {
      // Redis is away: everything is reported again when it is back.
    }
  }
}
