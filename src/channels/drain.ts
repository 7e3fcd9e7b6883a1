import type { Clock } from '../ports/clock.js';
import type { Cluster } from '../ports/cluster.js';
import type { GatewayConfig } from '../ports/socket-config.js';
import type { Session } from './session.js';

/** How long after one slice the next one goes. */
const SLICE_MS = 100;
/** So many go together at least: they burden nobody, and nobody waits long for the end of a process that has few. */
const SLICE_SESSIONS = 10;
/** So much longer than its window a drain takes at most, for a cluster that is slow to answer. */
const LATE_MS = 1_000;

/**
 * Sends the clients of a process that goes away to others, slice by slice. `pusher-js` comes back within 3 ms of a 4200,
 * without any jitter of its own (protocol section 3.11), so all at once would be a storm for the nodes that are left.
 *
 * What was accepted for a slice before its turn came has arrived here when it is sent away: it is written before the
 * close.
 */
export class Drain {
  readonly #clock: Clock;
  readonly #config: Pick<GatewayConfig, 'drainMs'>;
  readonly #sessions: ReadonlySet<Session>;
  readonly #cluster: Pick<Cluster, 'caughtUp'>;
  readonly #sendAway: (session: Session) => void;
  #running: Promise<void> | undefined;

  constructor(
    clock: Clock,
    config: Pick<GatewayConfig, 'drainMs'>,
    sessions: ReadonlySet<Session>,
    cluster: Pick<Cluster, 'caughtUp'>,
    sendAway: (session: Session) => void,
  ) {
    this.#clock = clock;
    this.#config = config;
    this.#sessions = sessions;
    this.#cluster = cluster;
    this.#sendAway = sendAway;
  }

  /** Resolves when nobody is left; a second call waits for the same. */
  run(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    const { drainMs } = this.#config;
    const slices = sliced(shuffled([...this.#sessions]), drainMs);
    const start = this.#clock.now();
    for (const [index, slice] of slices.entries()) {
      // Nothing is waited for that is there: alone, who goes first goes within the call.
      const due = start + index * SLICE_MS - this.#clock.now();
      if (due > 0) await new Promise<void>((resolve) => this.#clock.after(due, resolve));
      // Everybody may have left without being told.
      if (this.#sessions.size === 0) return;
      const caughtUp = this.#cluster.caughtUp();
      if (caughtUp !== undefined) await this.#inTime(caughtUp, start + drainMs + LATE_MS);
      for (const session of slice) if (!session.closed) this.#sendAway(session);
    }
  }

  /** Where the other nodes cannot be heard, or not in time, there is nothing to wait for. */
  #inTime(caughtUp: Promise<void>, deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(Math.max(0, deadline - this.#clock.now()), resolve);
      const goOn = () => {
        timer.cancel();
        resolve();
      };
      caughtUp.then(goOn, goOn);
    });
  }
}

/** In parts of the same size, one for each turn that there is time for. */
function sliced<T>(items: readonly T[], windowMs: number): T[][] {
  if (items.length === 0) return [];
  const turns = Math.min(Math.ceil(items.length / SLICE_SESSIONS), Math.floor(windowMs / SLICE_MS));
  const size = Math.ceil(items.length / Math.max(1, turns));
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

/** In any order: who came together, as after the last deploy, shall not go together. */
function shuffled<T>(items: readonly T[]): T[] {
  const order = new Map(items.map((item) => [item, Math.random()]));
  return [...items].sort((one, other) => (order.get(one) ?? 0) - (order.get(other) ?? 0));
}
