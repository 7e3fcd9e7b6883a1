import { connect } from 'node:net';
import { sequenceOf } from './events.js';
import { PusherClient } from './pusher-client.js';

/** So many connections are opened at a time. */
const OPENING = 50;

// Subscribers hear the same bytes one after the other, so most frames need not be parsed.
/** @type {Buffer} */
let lastFrame = Buffer.alloc(0);
let lastSequence = 0;

/** Clients that hear the same events, each of them every one, once and in order. */
export class Audience {
  /** @type {PusherClient[]} */
  #clients = [];
  /** How many clients have not heard of an event yet that others have heard. @type {Map<number, number>} */
  #missing = new Map();
  #complete = 0;
  #completed = () => undefined;
  #failures;

  /** @param {import('./failures.js').Failures} failures */
  constructor(failures) {
    this.#failures = failures;
  }

  /**
   * Opens so many clients on each of these nodes, all with the same subscriptions.
   *
   * @param {{ nodes: { url: string, count: number }[], memberId?: string, channels?: string[] }} values
   */
  async open({ nodes, memberId, channels = [] }) {
    const urls = nodes.flatMap(({ url, count }) => Array.from({ length: count }, () => url));
    const openInTurn = async () => {
      for (let url = urls.pop(); url !== undefined; url = urls.pop()) {
        const client = new PusherClient(url, {
          failed: this.#failures.add,
          event: (heard, frame) => this.#count(heard, frame),
        });
        this.#clients.push(client);
        await client.greeted();
        if (memberId !== undefined) await client.signIn(memberId);
        for (const channel of channels) await client.subscribe(channel);
      }
    };
    await this.#failures.until((resolve) => {
      Promise.all(Array.from({ length: OPENING }, openInTurn)).then(resolve, this.#failures.add);
    });
  }

  /** Begins to count anew. */
  begin() {
    if (this.#missing.size > 0) throw new Error('Events are still on their way.');
    this.#complete = 0;
    for (const client of this.#clients) client.heard = 0;
  }

  /**
   * Resolves when everybody has heard so many events since it began.
   *
   * @param {{ total: number }} values
   */
  heard({ total }) {
    return this.#failures.until((resolve) => {
      this.#completed = () => {
        if (this.#complete === total) resolve(undefined);
      };
      this.#completed();
    });
  }

  /**
   * Has a node broadcast so many events, of which so many are on their way at any moment, and hears them all.
   *
   * @param {{ total: number, inFlight: number, controlPort: number }} values
   */
  async drive({ total, inFlight, controlPort }) {
    const control = connect(controlPort, '127.0.0.1').setNoDelay(true).on('error', this.#failures.add);
    let asked = Math.min(inFlight, total);
    await this.#failures.until((resolve) => {
      this.#completed = () => {
        if (this.#complete === total) resolve(undefined);
        else if (asked < total) {
          asked++;
          control.write('.');
        }
      };
      control.write('.'.repeat(asked));
    });
    control.destroy();
  }

  /** Lets everybody go. */
  async close() {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  /**
   * @param {PusherClient} client
   * @param {Buffer} frame
   */
  #count(client, frame) {
    if (!frame.equals(lastFrame)) {
      lastSequence = sequenceOf(frame);
      lastFrame = frame;
    }
    if (lastSequence !== client.heard + 1) {
      this.#failures.add(`A client heard event ${lastSequence} after ${client.heard}.`);
      return;
    }
    client.heard = lastSequence;
    const missing = (this.#missing.get(lastSequence) ?? this.#clients.length) - 1;
    if (missing > 0) {
      this.#missing.set(lastSequence, missing);
      return;
    }
    this.#missing.delete(lastSequence);
    this.#complete++;
    this.#completed();
  }
}
