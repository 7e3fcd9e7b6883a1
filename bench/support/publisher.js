// The part that every server process has: Switchboard's nodes and their peers. It is forked, and called over IPC.
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

/** Publishes numbered events, one after the other, for the load generator. */
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
   * @param {string} [dialect] the protocol of its clients
   */
  constructor(transport, dialect = 'pusher') {
    this.#transport = transport;
    this.#dialect = dialect;
  }

  /** The number of events so far. */
  get published() {
    return this.#published;
  }

  /** The next event's payload. */
  next() {
    return payloadOf(++this.#published, this.#padding);
  }

  /**
   * Starts the count of events again: to a channel, or to a number of members in turn.
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
   * Listens for requests of one byte for the next event: the cheapest way to learn that the last one has arrived.
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

/** The memory of a process after its garbage is collected. */
async function memory() {
  // Several times, because an object that one collection finalizes is freed by the next.
  for (let times = 0; times < 4; times++) {
    globalThis.gc?.();
    await delay(50);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heapUsed, external };
}

/**
 * Answers the calls of the parent process, and sends it the ports of this one.
 *
 * @param {Publisher} publisher
 * @param {{ port: number, dialect?: string, [more: string]: unknown }} ready
 * @param {Record<string, (values: any) => unknown>} [handlers] the additional calls of this server
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
