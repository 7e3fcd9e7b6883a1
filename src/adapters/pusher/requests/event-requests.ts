import { EVENTS_PER_BATCH } from '../../../ports/limits.js';
import type { SocketLogger } from '../../../ports/logger.js';
import { type EventPost, isToMember } from './dispatch.js';
import type { RequestSender } from './channel-queues.js';
import type { PusherHttpApi } from '../http/pusher-http-api.js';
import { canRetry, HELD_BACK, RequestFailure } from '../http/request-failure.js';
import { type PlannedRequest, type PlanOptions } from './request-plan.js';

type Events = readonly [EventPost, ...EventPost[]];

/** Refusals that are not about what was sent: credentials, quota, time. */
const NOT_ABOUT_THE_EVENTS: ReadonlySet<number> = new Set([401, 403, 408, 429]);

/** What an event has in a batch besides its texts, roughly: quotes, field names, a socket id. */
const FRAMING_BYTES = 80;

/**
 * Turns what was planned into requests of the form it needs: one event, one event to several channels, or a batch.
 *
 * When a form with several in it is refused with a 4xx, each event is sent on its own, in order, so that only the guilty
 * ones are lost. When none of them is refused then, it was the form: the log says so, and this client does not use it any
 * more. Of a batch that was too large, only the size.
 */
export class EventRequests implements RequestSender {
  readonly #api: PusherHttpApi;
  readonly #logger: SocketLogger;
  readonly #isBatching: boolean;
  readonly #holdsBack: boolean;
  #takesMembersTogether = true;
  #takesBatches = true;
  #batchBytes = Infinity;

  /** @param holdsBack whether what is behind a failure that a retry can help fails as well, see `ChannelQueues` */
  constructor(api: PusherHttpApi, logger: SocketLogger, isBatching: boolean, holdsBack: boolean) {
    this.#api = api;
    this.#logger = logger;
    this.#isBatching = isBatching;
    this.#holdsBack = holdsBack;
  }

  get planOptions(): PlanOptions {
    return {
      eventsPerBatch: this.#isBatching && this.#takesBatches ? EVENTS_PER_BATCH : 1,
      mergesCalls: this.#isBatching,
    };
  }

  async send(request: PlannedRequest): Promise<void> {
    const [first, ...others] = request;
    if (first.event === undefined) {
      const { dispatch, recipient } = first;
      dispatch.settle(first, await failureOf(this.#api.terminate(recipient, dispatch.startBy)));
      return;
    }
    const before: EventPost[] = [];
    for (const piece of this.#inPieces([first, ...others])) {
      const [head, ...tail] = piece.filter((post) => !this.#isHeldBack(post, before));
      if (head !== undefined) await this.#sendPiece([head, ...tail]);
      before.push(...piece);
    }
  }

  /** Settles one that would overtake another that failed. */
  #isHeldBack(post: EventPost, before: readonly EventPost[]): boolean {
    if (!this.#holdsBack) return false;
    const { dispatch, channel } = post;
    const isBehind = before.some(
      (earlier) => earlier.channel === channel && canRetry(earlier.dispatch.failureOf(earlier)),
    );
    if (isBehind) dispatch.settle(post, HELD_BACK);
    return isBehind;
  }

  async #sendPiece(events: Events): Promise<void> {
    const [first] = events;
    const isAlone = events.length === 1;
    if (isAlone || isOneEvent(events)) {
      if (!isAlone && isToMember(first) && !this.#takesMembersTogether) await this.#sendSingly(events);
      else await this.#sendTogether(events);
    } else if (this.#takesBatches) {
      await this.#sendBatch(events);
    } else {
      await this.#sendSingly(events);
    }
  }

  /** One event to all the channels. */
  async #sendTogether(events: Events): Promise<void> {
    const [first] = events;
    const channels = events.map(({ channel }) => channel);
    const failure = await failureOf(this.#api.publish(channels, first.event, startBy(events)));
    // The payload is there once, so for its size it makes no difference to how many channels it goes.
    if (events.length === 1 || !isAboutTheEvents(failure) || failure.status === 413) {
      settleAll(events, failure);
    } else if ((await this.#sendSingly(events)) && isToMember(first) && this.#takesMembersTogether) {
      this.#takesMembersTogether = false;
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
    if (!(await this.#sendSingly(events))) return;
    if (failure.status === 413) {
      this.#batchBytes = Math.min(this.#batchBytes, Math.floor(bytesOf(events) / 2));
      this.#warn(`no batch of ${bytesOf(events)} bytes`, failure, `batches have ${this.#batchBytes} at most`);
    } else if (this.#takesBatches) {
      this.#takesBatches = false;
      this.#warn('no batches of events', failure, 'each event gets a request of its own');
    }
  }

  /**
   * Sends each on its own, those to one channel one after another.
   *
   * @returns whether it was not about the events: some were taken, and none refused
   */
  async #sendSingly(events: Events): Promise<boolean> {
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
          if (this.#isHeldBack(post, inOrder.slice(0, place))) {
            failures.push(HELD_BACK);
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

  /** In order, as large as the server is known to take them. */
  #inPieces(events: Events): readonly Events[] {
    if (this.#batchBytes === Infinity || isOneEvent(events)) return [events];
    const pieces: [EventPost, ...EventPost[]][] = [];
    let bytes = Infinity;
    for (const post of events) {
      bytes += bytesOf([post]);
      const piece = pieces.at(-1);
      if (piece === undefined || bytes > this.#batchBytes) {
        bytes = bytesOf([post]);
        pieces.push([post]);
      } else {
        piece.push(post);
      }
    }
    return pieces;
  }

  #warn(what: string, { message }: RequestFailure, instead: string): void {
    this.#logger.warn(`The Pusher HTTP API takes ${what} (${message}); from now on ${instead}.`);
  }
}

/** Whether all are of one event, each to another channel. */
function isOneEvent(events: Events): boolean {
  const [{ dispatch: first }] = events;
  return (
    events.every(({ dispatch }) => dispatch === first || dispatch.content === first.content) &&
    new Set(events.map(({ channel }) => channel)).size === events.length
  );
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

/** What a request fails with, or nothing. */
async function failureOf(request: Promise<void>): Promise<unknown> {
  try {
    await request;
    return undefined;
  } catch (failure) {
    return failure;
  }
}

function isAboutTheEvents(failure: unknown): failure is RequestFailure {
  if (!(failure instanceof RequestFailure)) return false;
  const { status = 0 } = failure;
  return status >= 400 && status < 500 && !NOT_ABOUT_THE_EVENTS.has(status);
}
