import { type Clock, within } from '../ports/clock.js';
import type { Cluster } from '../ports/cluster.js';
import type { GatewayConfig } from '../ports/socket-config.js';
import type { Session } from './session.js';

/** The time from one slice to the next. */
const SLICE_MS = 100;
/** The smallest slice. So few reconnects burden no node, and a process with few connections ends soon. */
const SLICE_SESSIONS = 10;
/** The time that a drain may take beyond its window, for a cluster that is slow to answer. */
const CATCH_UP_MS = 1_000;

/**
 * Ends the connections of a process that shuts down.
 *
 * Where other nodes take the clients, they are ended slice by slice. `pusher-js` reconnects within 3 ms of a 4200, without
 * jitter (protocol section 3.11): all clients at once would overload the remaining nodes.
 *
 * Without another node they are ended all at once, as late as possible, and are told to come back after a second. A client
 * that comes earlier finds nobody, and `pusher-js` then waits 15 seconds. So nobody must be sent away before the others.
 *
 * Before a slice ends, this node catches up with the cluster. So a relay that another node accepted before is written
 * before the close.
 */
export class Drain {
  readonly #clock: Clock;
  readonly #config: Pick<GatewayConfig, 'drainMs'>;
  readonly #sessions: ReadonlySet<Session>;
  readonly #cluster: Pick<Cluster, 'caughtUp'>;
  readonly #end: (session: Session) => void;
  #running: Promise<void> | undefined;

  constructor(
    clock: Clock,
    config: Pick<GatewayConfig, 'drainMs'>,
    sessions: ReadonlySet<Session>,
    cluster: Pick<Cluster, 'caughtUp'>,
    end: (session: Session) => void,
  ) {
    this.#clock = clock;
    this.#config = config;
    this.#sessions = sessions;
    this.#cluster = cluster;
    this.#end = end;
  }

  /**
   * Resolves when no connection is left; a second call waits for the same drain.
   *
   * @param hasSuccessor whether another node takes the clients
   */
  run(hasSuccessor: boolean): Promise<void> {
    this.#running ??= this.#run(hasSuccessor ? this.#config.drainMs : 0);
    return this.#running;
  }

  async #run(drainMs: number): Promise<void> {
    const slices = sliced(shuffled([...this.#sessions]), drainMs);
    const start = this.#clock.now();
    for (const [index, slice] of slices.entries()) {
      // No wait for a time that is reached: on a single node the first slice ends within the call.
      const due = start + index * SLICE_MS - this.#clock.now();
      if (due > 0) await new Promise<void>((resolve) => this.#clock.after(due, resolve));
      // All clients may have left by themselves.
      if (this.#sessions.size === 0) return;
      const caughtUp = this.#cluster.caughtUp();
      if (caughtUp !== undefined) await this.#untilCaughtUp(caughtUp, start + drainMs + CATCH_UP_MS);
      for (const session of slice) if (!session.isClosed) this.#end(session);
    }
  }

  /** Resolves at the deadline too, and when the other nodes cannot be reached: the drain goes on then. */
  async #untilCaughtUp(caughtUp: Promise<void>, deadline: number): Promise<void> {
    const timeLeft = Math.max(0, deadline - this.#clock.now());
    await within(this.#clock, timeLeft, caughtUp, () => undefined).catch(() => undefined);
  }
}

/** Slices of the same size, at most as many as the window has time for. */
function sliced<T>(items: readonly T[], windowMs: number): T[][] {
  if (items.length === 0) return [];
  const turns = Math.min(Math.ceil(items.length / SLICE_SESSIONS), Math.floor(windowMs / SLICE_MS));
  const size = Math.ceil(items.length / Math.max(1, turns));
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

/** In random order: clients that connected together, as after the last deploy, must not reconnect together again. */
function shuffled<T>(items: readonly T[]): T[] {
  const order = new Map(items.map((item) => [item, Math.random()]));
  return [...items].sort((one, other) => (order.get(one) ?? 0) - (order.get(other) ?? 0));
}
