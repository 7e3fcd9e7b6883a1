import { setTimeout as delay } from 'node:timers/promises';
import { onTeardown } from '../teardown.js';
import type { Member } from './member.js';
import type { TimedReceipt } from './node-protocol.js';
import type { ClusterNode } from './nodes.js';

const EVERY_MS = 20;

/** The outcome of one relay. */
export interface Sent {
  readonly n: number;
  readonly at: number;
  readonly receipt: TimedReceipt;
}

/** A node that relays to a channel all the time, without waiting for the receipts. Ends with the test at the latest. */
export class Traffic {
  readonly sent: Sent[] = [];
  readonly #event: string;
  readonly #running: Promise<void>;
  #isOver = false;

  constructor(
    private readonly node: ClusterNode,
    private readonly channel: string,
    /** Sent under a name of its own, so that several can share a channel. */
    name: string,
  ) {
    this.#event = `traffic-${name}`;
    this.#running = this.#run();
    // A failure is reported to the caller that stops it, which may be later.
    this.#running.catch(() => undefined);
    // A test that fails before it stops this has something else to say.
    onTeardown(() => this.stop().catch(() => undefined));
  }

  /** Ends it, and waits for all receipts; fails when the node could not relay at all. */
  async stop(): Promise<readonly Sent[]> {
    this.#isOver = true;
    await this.#running;
    return this.sent;
  }

  /** How long a browser waited for each relay that reached it, by the relay's number. */
  latencies(member: Member): Map<number, number> {
    const sentAt = new Map(this.sent.map(({ n, at }) => [n, at]));
    const latencies = new Map<number, number>();
    for (const { event, payload, at } of member.heard) {
      const { n } = (payload ?? {}) as { n?: number };
      if (event !== this.#event || n === undefined) continue;
      const since = sentAt.get(n);
      if (since !== undefined) latencies.set(n, at - since);
    }
    return latencies;
  }

  async #run(): Promise<void> {
    const relays: Promise<void>[] = [];
    for (let n = 0; !this.#isOver; n++) {
      const relay = this.#relay(n);
      relay.catch(() => {
        this.#isOver = true;
      });
      relays.push(relay);
      await delay(EVERY_MS);
    }
    await Promise.all(relays);
  }

  async #relay(n: number): Promise<void> {
    const at = performance.now();
    const receipt = await this.node.call('relayToChannel', this.channel, this.#event, { n });
    this.sent.push({ n, at, receipt });
  }
}
