import type { BreakerState } from '../circuit-breaker.js';
import type { Consignment, Line } from './lane.js';

/** What is taken out of lines: each order with those it is for. */
export type Parts = readonly (readonly [Consignment, readonly Line[]])[];

/** The lines in which something waits, or is tried again. What is taken out of them is the caller's to see to. */
export class HeldLines {
  readonly #lines = new Set<Line>();

  /** From now on what comes for it has to wait. */
  hold(line: Line): void {
    line.isHeld = true;
    this.#lines.add(line);
  }

  release(line: Line): void {
    this.#lines.delete(line);
  }

  /** All of them. */
  all(): Line[] {
    return [...this.#lines];
  }

  /** Those that may be tried again. */
  due(now: number): Line[] {
    return this.all().filter(({ dueAt }) => dueAt <= now);
  }

  /** Has all of them be due by then. */
  hurry(now: number): void {
    for (const line of this.#lines) line.dueAt = Math.min(line.dueAt, now);
  }

  /** Takes out what is first in its line, for as long as this holds of it. */
  takeFirst(isOver: (consignment: Consignment) => boolean): Parts {
    const parts = new Map<Consignment, Line[]>();
    for (const line of this.#lines) {
      // The first is the first whose time is over.
      for (let [first] = line.waiting; first !== undefined && isOver(first); [first] = line.waiting) {
        line.waiting.shift();
        add(parts, first, line);
      }
    }
    return [...parts];
  }

  /** Takes out the oldest that waits while nothing is under way for those it is for. */
  takeOldest(): Parts {
    const idle = this.all().filter(({ inFlight }) => inFlight === 0);
    let oldest: Consignment | undefined;
    for (const { waiting } of idle) {
      const [first] = waiting;
      if (first !== undefined && first.number < (oldest?.number ?? Infinity)) oldest = first;
    }
    if (oldest === undefined) return [];
    const lines = idle.filter(({ waiting }) => waiting[0] === oldest);
    for (const line of lines) {
      line.waiting.shift();
      line.isPutOff = false;
    }
    return [[oldest, lines]];
  }

  /** When something is to be done next: a deadline, an attempt, or a probe. */
  nextAt(state: BreakerState, probeAt: number): number {
    let next = Infinity;
    for (const { inFlight, waiting, dueAt } of this.#lines) {
      const [first] = waiting;
      if (first === undefined) continue;
      next = Math.min(next, first.deadline);
      if (inFlight === 0 && state === 'closed') next = Math.min(next, dueAt);
      if (inFlight === 0 && state === 'open') next = Math.min(next, probeAt);
    }
    return next;
  }
}

/** Takes everything out of these lines for which nothing is under way, in the order of the calls, and what is one order as one. */
export function takeAll(lines: readonly Line[]): Parts {
  const parts = new Map<Consignment, Line[]>();
  for (const line of lines) {
    if (line.inFlight > 0) continue;
    line.isPutOff = false;
    for (const consignment of line.waiting.splice(0)) add(parts, consignment, line);
  }
  return [...parts].sort(([a], [b]) => a.number - b.number);
}

function add(parts: Map<Consignment, Line[]>, consignment: Consignment, line: Line): void {
  const lines = parts.get(consignment);
  if (lines === undefined) parts.set(consignment, [line]);
  else lines.push(line);
}
