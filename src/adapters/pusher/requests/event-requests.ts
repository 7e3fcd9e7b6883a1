import { EVENTS_PER_BATCH } from '../../../ports/limits.js';
import type { SocketLogger } from '../../../ports/logger.js';
import type { ApiEvent, PusherHttpApi } from '../http/pusher-http-api.js';
import { BEHIND_FAILURE, canRetry, RequestFailure } from '../http/request-failure.js';
import type { RequestSender } from './channel-queues.js';
import { type EventPost, isToMember } from './dispatch.js';
import { type PlannedRequest, type PlanOptions } from './request-plan.js';

type Events = readonly [EventPost, ...EventPost[]];

/** The 4xx answers with a reason other than the events: credentials, quota, time. */
const UNRELATED_STATUSES: ReadonlySet<number> = new Set([401, 403, 408, 429]);

/** The rough size of an event in a batch besides its texts: quotes, field names, a socket id, a key. */
const FRAMING_BYTES = 160;

/**
 * Sends planned requests in one of three forms: one event, one event to several channels, or a batch.
 *
 * When a combined form is refused with a 4xx, each of its posts is sent alone, in order, so that only the refused ones are
 * lost. When none of them is refused alone, the server does not support the form: this is logged, and the form is not used
 * any more. When a batch was too large, only smaller batches are used.
 */
export class EventRequests implements RequestSender {
  readonly #api: PusherHttpApi;
  readonly #logger: SocketLogger;
  readonly #isBatching: boolean;
  readonly #isRetried: boolean;
  #acceptsSeveralMembers = true;
  #acceptsBatches = true;
  #maxBatchBytes = Infinity;

  /** @param isRetried whether posts behind a retryable failure fail too, see `ChannelQueues` */
  constructor(api: PusherHttpApi, logger: SocketLogger, isBatching: boolean, isRetried: boolean) {
    this.#api = api;
    this.#logger = logger;
    this.#isBatching = isBatching;
    this.#isRetried = isRetried;
  }

  get planOptions(): PlanOptions {
    return {
      eventsPerBatch: this.#isBatching && this.#acceptsBatches ? EVENTS_PER_BATCH : 1,
      mergesRelays: this.#isBatching,
    };
  }

  async send(request: PlannedRequest): Promise<void> {
    const [first, ...others] = request;
    if (first.event === undefined) {
      const { dispatch, recipient } = first;
      dispatch.settle(first, await failureOf(this.#api.terminate(recipient, dispatch.startBy)));
      return;
    }
    const earlier: EventPost[] = [];
    for (const part of this.#split([first, ...others])) {
      const [head, ...tail] = part.filter((post) => !this.#failBehind(post, earlier));
      if (head !== undefined) await this.#sendPart([head, ...tail]);
      earlier.push(...part);
    }
  }

  /**
   * Fails a post that would overtake the retry of an earlier one.
   *
   * @returns whether it has failed
   */
  #failBehind(post: EventPost, earlier: readonly EventPost[]): boolean {
    if (!this.#isRetried) return false;
    const { dispatch, channel } = post;
    const isBehind = earlier.some(
      (other) => other.channel === channel && canRetry(other.dispatch.failureOf(other)),
    );
    if (isBehind) dispatch.settle(post, BEHIND_FAILURE);
    return isBehind;
  }

  async #sendPart(events: Events): Promise<void> {
    const [first] = events;
    const isAlone = events.length === 1;
    if (isAlone || isOneEvent(events)) {
      if (!isAlone && isToMember(first) && !this.#acceptsSeveralMembers) await this.#sendEachAlone(events);
      else await this.#sendTogether(events);
    } else if (this.#acceptsBatches) {
      await this.#sendBatch(events);
    } else {
      await this.#sendEachAlone(events);
    }
  }

  /** Sends one event to all the channels. */
  async #sendTogether(events: Events): Promise<void> {
    const [first] = events;
    const channels = events.map(({ channel }) => channel);
    const event = { ...first.event, key: keyOf(events) };
    const failure = await failureOf(this.#api.publish(channels, event, startBy(events)));
    // A 413 is final: the request contains the payload once, so it is not smaller for a single channel.
    if (events.length === 1 || !isAboutTheEvents(failure) || failure.status === 413) {
      settleAll(events, failure);
    } else if ((await this.#sendEachAlone(events)) && isToMember(first) && this.#acceptsSeveralMembers) {
      this.#acceptsSeveralMembers = false;
      this.#warn('no event for several members at once', failure, 'each member gets a request of its own');
    }
  }

  async #sendBatch(events: Events): Promise<void> {
    const batch = events.map(({ channel, event }) => ({ ...event, channel }));
    const failure = await failureOf(this.#api.publishBatch(batch, startBy(events)));
    if (!isAboutTheEvents(failure)) {
      settleAll(events, failure);
      return;
    }
    if (!(await this.#sendEachAlone(events))) return;
    if (failure.status === 413) {
      this.#maxBatchBytes = Math.min(this.#maxBatchBytes, Math.floor(bytesOf(events) / 2));
      this.#warn(
        `no batch of ${bytesOf(events)} bytes`,
        failure,
        `batches have ${this.#maxBatchBytes} at most`,
      );
    } else if (this.#acceptsBatches) {
      this.#acceptsBatches = false;
      this.#warn('no batches of events', failure, 'each event gets a request of its own');
    }
  }

  /**
   * Sends each post alone, those to one channel one after another.
   *
   * @returns whether some were accepted and none refused, so that the combined form must have been the problem
   */
  async #sendEachAlone(events: Events): Promise<boolean> {
    const byChannel = new Map<string, EventPost[]>();
    for (const post of events) {
      const { channel } = post;
      const inOrder = byChannel.get(channel);
      if (inOrder === undefined) byChannel.set(channel, [post]);
      else inOrder.push(post);
    }
    const failures: unknown[] = [];
    await Promise.all(
      Array.from(byChannel.values(), async (inOrder) => {
        for (const [place, post] of inOrder.entries()) {
          const { dispatch, channel, event } = post;
          if (this.#failBehind(post, inOrder.slice(0, place))) {
            failures.push(BEHIND_FAILURE);
            continue;
          }
          const failure = await failureOf(this.#api.publish([channel], event, dispatch.startBy));
          if (failure !== undefined) failures.push(failure);
          dispatch.settle(post, failure);
        }
      }),
    );
    return failures.length < events.length && !failures.some(isAboutTheEvents);
  }

  /** Splits a batch, in order, into parts of the size that the server accepts. */
  #split(events: Events): readonly Events[] {
    if (this.#maxBatchBytes === Infinity || isOneEvent(events)) return [events];
    const parts: [EventPost, ...EventPost[]][] = [];
    let bytes = Infinity;
    for (const post of events) {
      bytes += bytesOf([post]);
      const part = parts.at(-1);
      if (part === undefined || bytes > this.#maxBatchBytes) {
        bytes = bytesOf([post]);
        parts.push([post]);
      } else {
        part.push(post);
      }
    }
    return parts;
  }

  #warn(what: string, { message }: RequestFailure, instead: string): void {
    this.#logger.warn(`The Pusher HTTP API takes ${what} (${message}); from now on ${instead}.`);
  }
}

/** Whether all posts are of one event, each to a different channel. */
function isOneEvent(events: Events): boolean {
  const [{ dispatch: first }] = events;
  return (
    events.every(({ dispatch }) => dispatch === first || dispatch.content === first.content) &&
    new Set(events.map(({ channel }) => channel)).size === events.length
  );
}

/** The key of one event to several channels: several relays may have become one event. */
function keyOf(events: Events): ApiEvent['key'] {
  const [{ event: first }] = events;
  if (first.key === undefined || events.every(({ event }) => event === first)) return first.key;
  return events.flatMap(({ event: { key } }) => key ?? []);
}

function startBy(events: Events): number {
  return Math.min(...events.map(({ dispatch }) => dispatch.startBy));
}

function bytesOf(events: Events): number {
  return events.reduce(
    (sum, { channel, event: { name, data } }) =>
      sum + Buffer.byteLength(data) + Buffer.byteLength(name) + channel.length + FRAMING_BYTES,
    0,
  );
}

function settleAll(events: Events, failure: unknown): void {
  for (const post of events) post.dispatch.settle(post, failure);
}

/** The failure of a request; `undefined` when it succeeds. */
async function failureOf(request: Promise<void>): Promise<unknown> {
  try {
    await request;
    return undefined;
  } catch (failure) {
    return failure;
  }
}

/** Whether the server refused the events themselves, or their combination. */
function isAboutTheEvents(failure: unknown): failure is RequestFailure {
  if (!(failure instanceof RequestFailure)) return false;
  const { status = 0 } = failure;
  return status >= 400 && status < 500 && !UNRELATED_STATUSES.has(status);
}
