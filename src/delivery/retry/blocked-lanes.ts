import { EVENTS_PER_BATCH } from '../../ports/limits.js';
import { retryDelayMs } from '../backoff.js';
import type { CircuitBreaker } from '../circuit-breaker.js';
import type { Lane } from './lane.js';
import type { PendingRelay } from './pending-relay.js';

/** Relays that were taken out of their lanes, each with the lanes that it was in. */
export type TakenRelays = readonly (readonly [PendingRelay, readonly Lane[]])[];

/** The lanes whose relays wait or are tried again. The caller attempts or gives up the relays that it takes out. */
export class BlockedLanes {
  readonly #lanes = new Set<Lane>();

  /** Makes a relay wait in these lanes. */
  insert(pending: PendingRelay, lanes: readonly Lane[]): void {
    for (const lane of lanes) {
      lane.insert(pending);
      this.#lanes.add(lane);
    }
  }

  /**
   * Makes lanes wait for their next attempt. Lanes with the same number of failures wait for the same time. A lane that already
   * backs off is left unchanged, because relays that were attempted together count as one failure.
   *
   * @param pauseMs for how long the provider wants to be left alone
   * @returns when the first of them is to be tried again; `Infinity` where all of them backed off already
   */
  backOff(lanes: readonly Lane[], now: number, pauseMs: number): number {
    const delays = new Map<number, number>();
    let earliest = Infinity;
    for (const lane of lanes) {
      if (lane.isBackingOff) continue;
      const delayMs = delays.get(lane.failures) ?? retryDelayMs(lane.failures);
      delays.set(lane.failures, delayMs);
      lane.backOff(now + Math.max(delayMs, pauseMs));
      earliest = Math.min(earliest, lane.retryAt);
    }
    return earliest;
  }

  delete(lane: Lane): void {
    this.#lanes.delete(lane);
  }

  all(): readonly Lane[] {
    return [...this.#lanes];
  }

  /** The lanes that may be tried again. */
  due(now: number): readonly Lane[] {
    return this.all().filter(({ retryAt }) => retryAt <= now);
  }

  /** Makes every lane due at this time, unless it is due earlier. */
  hurry(time: number): void {
    for (const lane of this.#lanes) lane.hurry(time);
  }

  /** Removes relays from the beginning of each lane, up to the first that is not given up. */
  removeWhile(isGivenUp: (pending: PendingRelay) => boolean): TakenRelays {
    const removed = new Map<PendingRelay, Lane[]>();
    for (const lane of this.#lanes) {
      // The first relay of a lane has the earliest deadline.
      for (let { first } = lane; first !== undefined && isGivenUp(first); first = lane.first) {
        lane.removeFirst();
        add(removed, first, lane);
      }
    }
    return [...removed];
  }

  /** Takes out the oldest relay, of the lanes with no attempt under way. */
  takeOldest(): TakenRelays {
    const idle = this.all().filter(({ isIdle }) => isIdle);
    let oldest: PendingRelay | undefined;
    for (const { first } of idle) {
      if (first !== undefined && first.number < (oldest?.number ?? Infinity)) oldest = first;
    }
    if (oldest === undefined) return [];
    const lanes = idle.filter(({ first }) => first === oldest);
    for (const lane of lanes) lane.take(1);
    return [[oldest, lanes]];
  }

  /** When the next relay is to be given up, attempted, or sent as a probe. */
  nextAt({ state, probeAt }: Pick<CircuitBreaker, 'state' | 'probeAt'>): number {
    let next = Infinity;
    for (const { first, isIdle, retryAt } of this.#lanes) {
      if (first === undefined) continue;
      next = Math.min(next, first.deadline);
      if (isIdle && state === 'closed') next = Math.min(next, retryAt);
      if (isIdle && state === 'open') next = Math.min(next, probeAt);
    }
    return next;
  }
}

/** So many relays of a lane are attempted together: a batch of the Pusher HTTP API. The others would wait for the answer to it. */
export const RELAYS_OF_A_LANE = EVENTS_PER_BATCH;

/** Takes the first relays out of the lanes with no attempt under way: in the order of the calls, and each relay once. */
export function takeFirst(lanes: readonly Lane[]): TakenRelays {
  const taken = new Map<PendingRelay, Lane[]>();
  for (const lane of lanes) {
    if (!lane.isIdle) continue;
    for (const pending of lane.take(RELAYS_OF_A_LANE)) add(taken, pending, lane);
  }
  return [...taken].sort(([a], [b]) => a.number - b.number);
}

function add(relays: Map<PendingRelay, Lane[]>, pending: PendingRelay, lane: Lane): void {
  const lanes = relays.get(pending);
  if (lanes === undefined) relays.set(pending, [lane]);
  else lanes.push(lane);
}
