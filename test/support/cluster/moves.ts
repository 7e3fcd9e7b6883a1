import { ANSWER_TIMEOUT_MS } from '../../../src/cluster/redis/connection/redis-connection.js';
import type { Report } from './node-protocol.js';

/** Somebody came to a presence channel, or left it, as a node told it in process. */
interface Move {
  readonly move: '+' | '-';
  readonly at: number;
}

/**
 * A node tells what it did when Redis has answered, and an answer that takes longer than this is given up. So of two reports
 * of different nodes that are this far apart or closer, nobody can say which came first in Redis.
 */
const OUT_OF_ORDER_MS = ANSWER_TIMEOUT_MS;

/** The arrivals and departures on one presence channel, as all nodes of a cluster told them. */
export class Moves {
  readonly #byId = new Map<string, Move[]>();

  constructor(reports: readonly Report[], channel: string) {
    for (const { event, at } of [...reports].sort((one, other) => one.at - other.at)) {
      if (event.channel !== channel) continue;
      if (event.name !== 'member_added' && event.name !== 'member_removed') continue;
      const moves = this.#byId.get(event.user_id) ?? [];
      moves.push({ move: event.name === 'member_added' ? '+' : '-', at });
      this.#byId.set(event.user_id, moves);
    }
  }

  /** Everybody who was told of. */
  get ids(): readonly string[] {
    return [...this.#byId.keys()];
  }

  /** All of it, like `+ada` and `-ada`; sorted. */
  get all(): readonly string[] {
    return this.ids.flatMap((id) => this.of(id).map(({ move }) => move + id)).sort();
  }

  /** The reports about one member, by time. */
  of(id: string): readonly Move[] {
    return this.#byId.get(id) ?? [];
  }

  /** How much more often somebody was told as come than as gone. */
  balance(id: string): number {
    return this.of(id).reduce((sum, { move }) => sum + (move === '+' ? 1 : -1), 0);
  }

  /** Whether this may have been the last that was told of somebody. */
  mayEndWith(move: Move['move'], id: string): boolean {
    const last = this.of(id).at(-1)?.at ?? 0;
    return this.of(id).some((each) => each.move === move && last - each.at <= OUT_OF_ORDER_MS);
  }
}
