import type { BreakerState } from '../circuit-breaker.js';
import type { PendingRelay, Lane } from './lane.js';

/** What is taken out of lines: each order with those it is for. */
export type Parts = readonly (readonly [PendingRelay, readonly Lane[]])[];

/** The lines in which something waits, or is tried again. What is taken out of them is the caller's to see to. */
export class BlockedLanes {
  readonly #lanes = new Set<Lane>();

  /** From now on what comes for it has to wait. */
  hold(lane: Lane): void {
    lane.isBlocked = true;
    this.#lanes.add(lane);
  }

  release(lane: Lane): void {
    this.#lanes.delete(lane);
  }

  /** All of them. */
  all(): Lane[] {
    return [...this.#lanes];
  }

  /** Those that may be tried again. */
  due(now: number): Lane[] {
    return this.all().filter(({ dueAt }) => dueAt <= now);
  }

  /** Has all of them be due by then. */
  hurry(now: number): void {
    for (const lane of this.#lanes) lane.dueAt = Math.min(lane.dueAt, now);
  }

  /** Takes out what is first in its line, for as long as this holds of it. */
  takeFirst(isOver: (pending: PendingRelay) => boolean): Parts {
    const parts = new Map<PendingRelay, Lane[]>();
    for (const lane of this.#lanes) {
      // The first is the first whose time is over.
      for (let [first] = lane.waiting; first !== undefined && isOver(first); [first] = lane.waiting) {
        lane.waiting.shift();
        add(parts, first, lane);
      }
    }
    return [...parts];
  }

  /** Takes out the oldest that waits while nothing is under way for those it is for. */
  takeOldest(): Parts {
    const idle = this.all().filter(({ inFlight }) => inFlight === 0);
    let oldest: PendingRelay | undefined;
    for (const { waiting } of idle) {
      const [first] = waiting;
      if (first !== undefined && first.number < (oldest?.number ?? Infinity)) oldest = first;
    }
    if (oldest === undefined) return [];
    const lanes = idle.filter(({ waiting }) => waiting[0] === oldest);
    for (const lane of lanes) {
      lane.waiting.shift();
      lane.isPutOff = false;
    }
    return [[oldest, lanes]];
  }

  /** When something is to be done next: a deadline, an attempt, or a probe. */
  nextAt(state: BreakerState, probeAt: number): number {
    let next = Infinity;
    for (const { inFlight, waiting, dueAt } of this.#lanes) {
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
export function takeAll(lanes: readonly Lane[]): Parts {
  const parts = new Map<PendingRelay, Lane[]>();
  for (const lane of lanes) {
    if (lane.inFlight > 0) continue;
    lane.isPutOff = false;
    for (const pending of lane.waiting.splice(0)) add(parts, pending, lane);
  }
  return [...parts].sort(([a], [b]) => a.number - b.number);
}

function add(parts: Map<PendingRelay, Lane[]>, pending: PendingRelay, lane: Lane): void {
  const lanes = parts.get(pending);
  if (lanes === undefined) parts.set(pending, [lane]);
  else lanes.push(lane);
}
