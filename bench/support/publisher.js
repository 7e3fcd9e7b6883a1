// What every server process has, Switchboard's nodes and their peers alike. Forked, and asked over IPC.
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { APP, memberOf, paddingFor, payloadOf, userChannel } from './events.js';
import { serve } from './rpc.js';

/**
 * How a server publishes within its own process.
 *
 * @typedef {{
 *   toChannel: (channel: string, payload: object) => unknown,
 *   toMember: (memberId: string, payload: object) => unknown,
 * }} Transport
 */

/** What the load generator makes a server publish: numbered events, one after the other. */
export class Publisher {
  /** The sequence number of the last event. */
  #published = 0;
  #padding = '';
  #each = 1;
  #inTurns = false;
  /** @type {(payload: object) => unknown} */
  #send = () => undefined;
  #transport;
  #dialect;

  /**
   * @param {Transport} transport
   * @param {string} [dialect] what it speaks to its clients
   */
  constructor(transport, dialect = 'pusher') {
    this.#transport = transport;
    this.#dialect = dialect;
  }

  /** How many events there have been. */
  get published() {
    return this.#published;
  }

  /** The next event's payload. */
  next() {
    return payloadOf(++this.#published, this.#padding);
  }

  /**
   * Begins to count events anew: to a channel, or to so many members in turn.
   *
   * @param {{ channel?: string, members?: number, bytes?: number, each?: number, inTurns?: boolean }} values `bytes` is
   *   the length of frames, and `each` the number of events that one byte asks for: all in one turn of the event loop, or
   *   each of them in a turn of its own
   */
  prepare({ channel, members, bytes, each = 1, inTurns = false }) {
    this.#published = 0;
    this.#each = each;
    this.#inTurns = inTurns;
    const { toChannel, toMember } = this.#transport;
    if (channel !== undefined) this.#send = (payload) => toChannel(channel, payload);
    if (members !== undefined) {
      const ids = Array.from({ length: members }, (_, index) => memberOf(index));
      this.#send = (payload) =>
        toMember(/** @type {string} */ (ids[(this.#published - 1) % members]), payload);
    }
    const where = channel ?? userChannel(memberOf(0));
    this.#padding = bytes === undefined ? '' : paddingFor(where, bytes, this.#dialect);
  }

  /**
   * Waits to be asked for the next event with one byte: the cheapest way to tell that the last one has arrived.
   *
   * @returns {Promise<number>} the port where that is possible
   */
  async listen() {
    const control = createServer((socket) => {
      socket.setNoDelay(true);
      socket.on('data', (bytes) => this.#publish(bytes.length * this.#each));
      socket.on('error', () => undefined);
    });
    return portOf(control);
  }

  /** @param {number} count */
  #publish(count) {
    if (this.#inTurns) {
      this.#send(this.next());
      if (count > 1) setImmediate(() => this.#publish(count - 1));
      return;
    }
    for (; count > 0; count--) this.#send(this.next());
  }
}

/** What a process needs when it has thrown away what it no longer needs. */
async function memory() {
  // More than once: what one collection finalizes, only the next one frees.
  for (let times = 0; times < 4; times++) {
    globalThis.gc?.();
    await delay(50);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heapUsed, external };
}

/**
 * Answers what whoever forked this process asks, and tells it where to find what.
 *
 * @param {Publisher} publisher
 * @param {{ port: number, dialect?: string, [more: string]: unknown }} ready
 * @param {Record<string, (values: any) => unknown>} [handlers] what this server can do besides
 */
export async function serveServer(publisher, { port, dialect = 'pusher', ...more }, handlers = {}) {
  serve({
    prepare: (values) => publisher.prepare(values),
    memory,
    verify: () => undefined,
    ...handlers,
  });
  const controlPort = await publisher.listen();
  process.send?.({ url: `ws://127.0.0.1:${port}`, dialect, app: APP, controlPort, ...more });
}

/** @param {import('node:net').Server} server @returns {Promise<number>} the port that it listens on now */
export async function portOf(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  return /** @type {import('node:net').AddressInfo} */ (server.address()).port;
}
