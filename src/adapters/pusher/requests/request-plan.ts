import { LIMITS } from '../../../ports/limits.js';
import type { Dispatch, EventPost, Post, Termination } from './dispatch.js';

/** One request to send: the end of a member's connections, or events in the order in which they are published. */
export type PlannedRequest = readonly [Termination] | readonly [EventPost, ...EventPost[]];

/** The limits on combining posts in one request. */
export interface PlanOptions {
  /** The most different events in one request: as many as a batch may have, or 1 without batches. */
  readonly eventsPerBatch: number;
  /** Whether the same event of several relays may become one event to several channels. */
  readonly mergesRelays: boolean;
}

/** The posts of the same event. */
interface Group {
  /** The number of queues that have the event near their front. */
  queues: number;
  /** The queue that was counted last, so that none is counted twice. */
  lastCounted: readonly Post[] | undefined;
  /** The posts at the front of their queues: they can be sent now. */
  readonly fronts: EventPost[];
}

/**
 * Combines the queued posts into as few requests as the limits allow.
 *
 * An event for ten channels or more becomes requests for up to a hundred channels each. All other events are combined in
 * batches of ten. When fewer than ten channels of a large group remain for its last request, they go into batches too. The
 * requests do not depend on each other: each channel is in one of them at most.
 *
 * @param queues the posts for each channel, the first one in front; none is empty
 * @returns requests that take the front of each queue, and the following posts that fit into the same batch
 */
export function planRequests(
  queues: readonly (readonly Post[])[],
  { eventsPerBatch, mergesRelays }: PlanOptions,
): PlannedRequest[] {
  const groups = new Groups(mergesRelays);
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

/** The posts after the front of a queue that may be in one batch with it. */
function restOfRun(queue: readonly Post[], eventsPerBatch: number, groups: Groups): EventPost[] {
  const run: EventPost[] = [];
  for (let index = 1; index < Math.min(queue.length, eventsPerBatch); index++) {
    const post = queue[index];
    if (post?.event === undefined || groups.of(post).queues >= eventsPerBatch) break;
    run.push(post);
  }
  return run;
}

/** Groups the posts of the same event. */
class Groups {
  readonly #mergesRelays: boolean;
  readonly #groups = new Map<Dispatch | string, Group>();

  constructor(mergesRelays: boolean) {
    this.#mergesRelays = mergesRelays;
  }

  /** Counts the first events of a queue, as many as one batch can have. */
  count(queue: readonly Post[], depth: number): void {
    for (let index = 0; index < Math.min(queue.length, depth); index++) {
      const post = queue[index];
      if (post?.event === undefined) return;
      const group = this.of(post);
      if (group.lastCounted === queue) continue;
      group.lastCounted = queue;
      group.queues++;
    }
  }

  of({ dispatch }: EventPost): Group {
    const key = this.#mergesRelays ? dispatch.content : dispatch;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group: Group = { queues: 0, lastCounted: undefined, fronts: [] };
    this.#groups.set(key, group);
    return group;
  }

  all(): Iterable<Group> {
    return this.#groups.values();
  }
}

/** Batches that are being filled. The posts of one channel stay in one batch. */
class Batches {
  readonly all: [EventPost, ...EventPost[]][] = [];
  readonly #size: number;
  /** The batches that are not full, by the number of posts that fit in. */
  readonly #withRoom: [EventPost, ...EventPost[]][][];

  constructor(size: number) {
    this.#size = size;
    this.#withRoom = Array.from({ length: size }, () => []);
  }

  /** Adds posts to the fullest batch that has room for all of them. */
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
