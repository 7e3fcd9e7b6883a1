import { LIMITS } from '../../../ports/limits.js';
import type { Dispatch, Post, EventPost, Termination } from './dispatch.js';

/** One request to be made: the end of a member's connections, or events in the order they are to be published. */
export type PlannedRequest = readonly [Termination] | readonly [EventPost, ...EventPost[]];

/** How requests may be put together. */
export interface PlanOptions {
  /** The most different events in one request: as many as a batch may have, or 1 without batches. */
  readonly eventsPerBatch: number;
  /** Whether the same event from several calls may become one event to several channels. */
  readonly mergesCalls: boolean;
}

/** The channels that are to get the same event. */
interface Group {
  /** How many of the queues have it near their front. */
  queues: number;
  /** The queue counted last, so that none is counted twice. */
  counted: readonly Post[] | undefined;
  /** Those that can be sent now, because nothing is in front of them. */
  readonly fronts: EventPost[];
}

/**
 * Puts what is queued for channels into as few requests as the limits allow.
 *
 * An event for ten channels or more becomes requests to a hundred channels each. Everything else is put into batches of
 * ten, since a channel takes a tenth of one there; what is left over of a large group goes with them when it is less
 * than that. The requests do not depend on each other: a channel is in one of them at most.
 *
 * @param queues what is queued for each channel, the first in front; none is empty
 * @returns requests that take from each queue its front, and as much of what follows as belongs into the same batch
 */
export function planRequests(
  queues: readonly (readonly Post[])[],
  { eventsPerBatch, mergesCalls }: PlanOptions,
): PlannedRequest[] {
  const groups = new Groups(mergesCalls);
  for (const queue of queues) groups.count(queue, eventsPerBatch);

  const requests: PlannedRequest[] = [];
  const batches = new Batches(eventsPerBatch);
  for (const queue of queues) {
    const [front] = queue;
    if (front === undefined) continue;
    if (front.event === undefined) {
      requests.push([front]);
      continue;
    }
    const group = groups.of(front);
    if (group.queues >= eventsPerBatch) {
      group.fronts.push(front);
    } else {
      batches.add(front, restOfRun(queue, eventsPerBatch, groups));
    }
  }
  for (const { fronts } of groups.all()) {
    for (let start = 0; start < fronts.length; start += LIMITS.channelsPerEvent) {
      const [first, ...others] = fronts.slice(start, start + LIMITS.channelsPerEvent);
      if (first === undefined) continue;
      if (others.length + 1 >= eventsPerBatch) requests.push([first, ...others]);
      else for (const post of [first, ...others]) batches.add(post, []);
    }
  }
  requests.push(...batches.all);
  return requests;
}

/** What follows the front of a queue and may be in one batch with it. */
function restOfRun(queue: readonly Post[], eventsPerBatch: number, groups: Groups): EventPost[] {
  const run: EventPost[] = [];
  for (let index = 1; index < Math.min(queue.length, eventsPerBatch); index++) {
    const post = queue[index];
    if (post?.event === undefined || groups.of(post).queues >= eventsPerBatch) break;
    run.push(post);
  }
  return run;
}

/** Finds out which deliveries are of the same event. */
class Groups {
  readonly #mergesCalls: boolean;
  readonly #groups = new Map<Dispatch | string, Group>();

  constructor(mergesCalls: boolean) {
    this.#mergesCalls = mergesCalls;
  }

  /** Counts the events at the front of a queue, as far as a batch could reach. */
  count(queue: readonly Post[], depth: number): void {
    for (let index = 0; index < Math.min(queue.length, depth); index++) {
      const post = queue[index];
      if (post?.event === undefined) return;
      const group = this.of(post);
      if (group.counted === queue) continue;
      group.counted = queue;
      group.queues++;
    }
  }

  of({ dispatch }: EventPost): Group {
    const key = this.#mergesCalls ? dispatch.content : dispatch;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group: Group = { queues: 0, counted: undefined, fronts: [] };
    this.#groups.set(key, group);
    return group;
  }

  all(): Iterable<Group> {
    return this.#groups.values();
  }
}

/** Batches that are being filled. What belongs to one channel is not torn apart. */
class Batches {
  readonly all: [EventPost, ...EventPost[]][] = [];
  readonly #size: number;
  /** The batches with room, by how much of it. */
  readonly #withRoom: [EventPost, ...EventPost[]][][];

  constructor(size: number) {
    this.#size = size;
    this.#withRoom = Array.from({ length: size }, () => []);
  }

  /** Puts a run of deliveries into the fullest batch that has room for all of it. */
  add(first: EventPost, others: readonly EventPost[]): void {
    const length = others.length + 1;
    for (let room = length; room < this.#size; room++) {
      const batch = this.#withRoom[room]?.pop();
      if (batch === undefined) continue;
      batch.push(first, ...others);
      this.#withRoom[room - length]?.push(batch);
      return;
    }
    const batch: [EventPost, ...EventPost[]] = [first, ...others];
    this.all.push(batch);
    this.#withRoom[this.#size - length]?.push(batch);
  }
}
