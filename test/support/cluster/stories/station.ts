import { Api } from '../api.js';
import type { ClusterNode } from '../nodes.js';

/** A node of a story, and whether it can be expected to answer. */
export class Station {
  readonly api: Api;
  #pausedAt: number | undefined;
  #servesSince = 0;

  constructor(
    readonly name: string,
    readonly node: ClusterNode,
  ) {
    this.api = new Api(node);
  }

  get port(): number {
    return this.node.port;
  }

  /** Since when it can answer, on the clock of `performance`; `Infinity` while it is paused. */
  get servesSince(): number {
    return this.#pausedAt === undefined ? this.#servesSince : Number.POSITIVE_INFINITY;
  }

  /** Stops its process where it is. */
  pause(): void {
    this.#pausedAt = performance.now();
    this.node.stall();
  }

  /** Lets it go on. */
  resume(): void {
    this.#pausedAt = undefined;
    this.#servesSince = performance.now();
    this.node.resume();
  }
}
