import { setTimeout as delay } from 'node:timers/promises';
import { ApiAsker } from './api-asker.js';
import { ControlAsker } from './control-asker.js';
import { memberOf, sequenceOf } from './events.js';
import { GatewaySocketIoClient } from './gateway-socket-io-client.js';
import { Ledger } from './ledger.js';
import { PusherClient } from './pusher-client.js';
import { SocketIoClient } from './socket-io-client.js';
import { percentile } from './statistics.js';

/** The number of connections that are opened at a time. */
const OPENING = 50;
const CLIENTS = { pusher: PusherClient, 'socket.io': SocketIoClient, 'socket-io': GatewaySocketIoClient };

// Subscribers get the same bytes one after the other, so the result of the last frame serves for most others.
/** @type {Buffer} */
let lastFrame = Buffer.alloc(0);
let lastSequence = 0;

/** Clients that all get the same events, once and in order; or each its own events. */
export class Audience {
  /** @type {(PusherClient | SocketIoClient)[]} */
  #clients = [];
  #ledger = new Ledger([], { order: 'same', batch: 1, total: 0 });
  /** The length of a frame. @type {number | undefined} */
  #bytes;
  /** @type {ApiAsker | ControlAsker | undefined} */
  #asker;
  /** The time at which each event was requested, while latencies are measured. @type {number[] | undefined} */
  #askedAt;
  /** @type {number[]} */
  #latencies = [];
  #completed = () => undefined;
  #failures;

  /** @param {import('./failures.js').Failures} failures */
  constructor(failures) {
    this.#failures = failures;
  }

  /**
   * Opens a number of clients on each of these nodes, all with the same subscriptions.
   *
   * @param {{ nodes: (import('./client.js').Target & { count: number })[], memberId?: string, areMembers?: boolean,
   *   channels?: string[] }} values whether all clients are one member, each is a member of its own, or none is a member
   */
  async open({ nodes, memberId, areMembers = false, channels = [] }) {
    const targets = nodes.flatMap((node) => Array.from({ length: node.count }, () => node));
    const openInTurn = async () => {
      for (let target = targets.pop(); target !== undefined; target = targets.pop()) {
        const index = this.#clients.length;
        const client = new CLIENTS[/** @type {keyof typeof CLIENTS} */ (target.dialect ?? 'pusher')](
          target,
          { failed: this.#failures.add, event: (heard, frame) => this.#count(heard, frame) },
          index,
        );
        this.#clients.push(client);
        await client.greeted();
        const member = areMembers ? memberOf(index) : memberId;
        if (member !== undefined) await client.signIn(member);
        for (const channel of channels) await client.subscribe(channel);
      }
    };
    await this.#failures.until(
      (resolve) => {
        Promise.all(Array.from({ length: OPENING }, openInTurn)).then(resolve, this.#failures.add);
      },
      () => `There were ${this.#clients.length} connections, and ${targets.length} were to come.`,
    );
  }

  /**
   * Starts the counts again.
   *
   * @param {{ order?: import('./ledger.js').EventOrder, batch?: number, total?: number, bytes?: number,
   *   controlPort?: number, api?: import('./api-asker.js').ApiRequest }} [values] `bytes` is the length that every frame
   *   must have; events are requested at the control port, or through the HTTP API
   */
  async begin({ order = 'same', batch = 1, total = 0, bytes, controlPort, api } = {}) {
    if (this.#ledger.isOpen) throw new Error('Events are still on their way.');
    this.#ledger = new Ledger(this.#clients, { order, batch, total });
    this.#bytes = bytes;
    this.#askedAt = undefined;
    this.#asker?.close();
    this.#asker = undefined;
    if (controlPort !== undefined) this.#asker = await ControlAsker.open(controlPort, this.#failures.add);
    if (api !== undefined) this.#asker = await ApiAsker.open(api, total, this.#failures);
  }

  /**
   * Resolves when every client has got this number of events since the counts started.
   *
   * @param {{ total: number }} values
   */
  heard({ total }) {
    return this.#failures.until(
      (resolve) => {
        this.#completed = () => {
          if (this.#ledger.complete === total) resolve(undefined);
        };
        this.#completed();
      },
      () => this.#progress(total),
    );
  }

  /**
   * Requests a number of events, with a fixed number in flight at any moment, and waits for all of them.
   *
   * @param {{ total: number, inFlight: number, each?: number }} values `each` is how many one question asks for
   */
  async drive({ total, inFlight, each = 1 }) {
    const asker = this.#asking();
    let asked = Math.min(inFlight, total);
    await this.#failures.until(
      (resolve) => {
        this.#completed = () => {
          if (this.#ledger.complete === total) resolve(undefined);
          else if (asked < total && this.#ledger.complete % each === 0) {
            asked += each;
            asker.ask(1);
          }
        };
        asker.ask(asked / each);
      },
      () => this.#progress(total),
    );
    await this.#failures.until((resolve) => void asker.answered().then(resolve, this.#failures.add));
  }

  /**
   * Requests an event at a fixed interval, even if earlier ones have not arrived.
   *
   * @param {{ total: number, everyMs: number }} values
   * @returns {Promise<{ p50: number, p99: number }>} the milliseconds until a client has heard one
   */
  async pace({ total, everyMs }) {
    const asker = this.#asking();
    this.#latencies = [];
    this.#askedAt = [];
    const started = performance.now();
    for (let event = 0; event < total; event++) {
      await delay(Math.max(0, started + event * everyMs - performance.now()));
      this.#askedAt[event + 1] = performance.now();
      asker.ask(1);
    }
    await this.heard({ total });
    return { p50: percentile(this.#latencies, 0.5), p99: percentile(this.#latencies, 0.99) };
  }

  /** Closes every client. */
  async close() {
    this.#asker?.close();
    await this.#failures.until((resolve) => {
      Promise.all(this.#clients.map((client) => client.close())).then(resolve, this.#failures.add);
    });
    this.#clients = [];
  }

  /** @param {number} total */
  #progress(total) {
    return `Everybody has heard ${this.#ledger.complete} events of ${total}.`;
  }

  #asking() {
    if (this.#asker === undefined) throw new Error('There is nobody to ask for events.');
    return this.#asker;
  }

  /**
   * @param {import('./client.js').Client} client
   * @param {Buffer} frame
   */
  #count(client, frame) {
    if (!frame.equals(lastFrame)) {
      lastSequence = sequenceOf(frame);
      lastFrame = frame;
      if (this.#bytes !== undefined && frame.length !== this.#bytes) {
        this.#failures.add(`A frame has ${frame.length} bytes: ${frame.toString()}`);
        return;
      }
    }
    const askedAt = this.#askedAt?.[lastSequence];
    if (askedAt !== undefined) this.#latencies.push(performance.now() - askedAt);
    const outcome = this.#ledger.count(client, lastSequence);
    if (outcome === 'wrong')
      this.#failures.add(`A client heard event ${lastSequence} after ${client.heard}.`);
    if (outcome === 'complete') this.#completed();
  }
}
