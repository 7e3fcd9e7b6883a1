import { once } from 'node:events';
import { WebSocket } from 'ws';
import { APP } from '../../support/cluster/app.js';
import type { Listening } from '../../support/cluster/line.js';
import { eventually } from '../../support/cluster/waiting.js';
import { onTeardown } from '../../support/teardown.js';
import { quantile } from './figures.js';

/** They connect in parts, or the machine's queue for new connections overflows. */
const AT_ONCE = 100;
const JOINED_MS = 30_000;

const TICK = /"event":"TICKED".*?\\"n\\":(\d+)/;
const SUBSCRIBED = '"event":"pusher_internal:subscription_succeeded"';

/** Connects to the gateway and is greeted. Ended after the test. */
export async function dial(server: Listening): Promise<{ socket: WebSocket; id: string }> {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/app/${APP.key}?protocol=7`, {
    perMessageDeflate: false,
  });
  onTeardown(() => {
    socket.terminate();
  });
  socket.on('error', () => undefined);
  const [greeting] = (await once(socket, 'message')) as [Buffer];
  const { data } = JSON.parse(greeting.toString()) as { data: string };
  return { socket, id: (JSON.parse(data) as { socket_id: string }).socket_id };
}

/** Subscribes to public channels, and waits until that is answered. */
export async function join(socket: WebSocket, ...channels: readonly string[]): Promise<void> {
  let missing = channels.length;
  const answered = new Promise<void>((resolve) => {
    const hear = (data: Buffer) => {
      if (!data.includes(SUBSCRIBED) || --missing > 0) return;
      socket.off('message', hear);
      resolve();
    };
    socket.on('message', hear);
  });
  for (const channel of channels)
    socket.send(JSON.stringify({ event: 'pusher:subscribe', data: { channel } }));
  await answered;
}

/** Many clients on one channel that read as fast as they can, and write down when they heard each tick. */
export class Crowd {
  readonly #heard: number[];
  #latencies: number[] = [];
  #sentAt: number[] = [];
  #outOfOrder = 0;

  private constructor(readonly size: number) {
    this.#heard = new Array<number>(size).fill(0);
  }

  /** Connects all of them and subscribes them to a channel. Gone after the test. */
  static async on(server: Listening, channel: string, size: number): Promise<Crowd> {
    const crowd = new Crowd(size);
    for (let first = 0; first < size; first += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, size - first) }, async (_, index) => {
        const { socket } = await dial(server);
        await join(socket, channel);
        socket.on('message', (data: Buffer) => {
          crowd.#hear(first + index, data);
        });
      });
      await Promise.all(some);
    }
    return crowd;
  }

  /** A tick is about to be sent, and everybody is to hear it. Returns its number. */
  ticks(): number {
    return this.#sentAt.push(performance.now()) - 1;
  }

  /** Waits until everybody has heard every tick, in order, and begins anew. */
  async hasHeardAll(): Promise<{ deliveries: number; medianMs: number; p99Ms: number }> {
    const ticks = this.#sentAt.length;
    await eventually(JOINED_MS, () => {
      expect(this.#heard.filter((count) => count !== ticks)).toEqual([]);
    });
    expect(this.#outOfOrder).toBe(0);
    const latencies = this.#latencies;
    this.#latencies = [];
    this.#sentAt = [];
    this.#heard.fill(0);
    return {
      deliveries: latencies.length,
      medianMs: Math.round(quantile(latencies, 0.5)),
      p99Ms: Math.round(quantile(latencies, 0.99)),
    };
  }

  #hear(index: number, data: Buffer): void {
    const n = Number(TICK.exec(data.toString())?.[1] ?? -1);
    const at = this.#sentAt[n];
    if (at === undefined) return;
    if (n !== this.#heard[index]) this.#outOfOrder++;
    this.#heard[index] = (this.#heard[index] ?? 0) + 1;
    this.#latencies.push(performance.now() - at);
  }
}
