import type { Clock, Timer } from './clock.js';
import type { LogFields, SocketLogger } from './logger.js';

/** So many lines of one kind are written at once. */
const AT_ONCE = 10;
/** The time between two lines about those that were not. */
const INTERVAL_MS = 10_000;

interface Line {
  readonly level: 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields | undefined;
}

/** Lines of one kind that are repeated. */
interface Repetition {
  /** How many there were, from the first one on. */
  total: number;
  /** How many were neither written nor counted yet. */
  unwritten: number;
  last: Line;
  timer: Timer;
}

/**
 * Writes lines of which an outage makes thousands. The first of a kind are written at once. Then their number and the last of
 * them are written every ten seconds; and once there were none for so long, how many there were in all.
 */
export class RepeatedLines {
  readonly #logger: SocketLogger;
  readonly #clock: Clock;
  readonly #repetitions = new Map<string, Repetition>();

  constructor(logger: SocketLogger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** @param kind equal for lines that say the same of different relays, in words that stand in the log */
  warn(kind: string, message: string, fields?: LogFields): void {
    this.#add(kind, { level: 'warn', message, fields });
  }

  /** @param kind as for {@link warn} */
  error(kind: string, message: string, fields?: LogFields): void {
    this.#add(kind, { level: 'error', message, fields });
  }

  /** Writes what was not written, and stops every timer. Later lines begin anew. */
  flush(): void {
    for (const [kind, repetition] of this.#repetitions) {
      repetition.timer.cancel();
      this.#writeCount(kind, repetition);
    }
    this.#repetitions.clear();
  }

  #add(kind: string, line: Line): void {
    const known = this.#repetitions.get(kind);
    const repetition = known ?? { total: 0, unwritten: 0, last: line, timer: this.#watch(kind) };
    if (known === undefined) this.#repetitions.set(kind, repetition);
    repetition.total++;
    repetition.last = line;
    if (repetition.total <= AT_ONCE) this.#write(line);
    else repetition.unwritten++;
  }

  #watch(kind: string): Timer {
    return this.#clock.after(INTERVAL_MS, () => {
      const repetition = this.#repetitions.get(kind);
      if (repetition === undefined) return;
      // The first lines that were written have no end to tell of.
      const isOver = repetition.unwritten === 0;
      if (!isOver) {
        this.#writeCount(kind, repetition);
        repetition.timer = this.#watch(kind);
        return;
      }
      this.#repetitions.delete(kind);
      if (repetition.total > AT_ONCE)
        this.#logger.log(`It is over: ${kind}, ${repetition.total} times in all`);
    });
  }

  #writeCount(kind: string, repetition: Repetition): void {
    const { unwritten, last } = repetition;
    if (repetition.unwritten === 0) return;
    repetition.unwritten = 0;
    this.#write({ ...last, message: `${kind}, ${unwritten} more times; the last: ${last.message}` });
  }

  #write({ level, message, fields }: Line): void {
    // Some loggers show every argument, and would show `undefined` for absent fields.
    this.#logger[level](message, ...(fields === undefined ? [] : [fields]));
  }
}
