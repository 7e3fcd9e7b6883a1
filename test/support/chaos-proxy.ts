import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type Faults, Flow, type Way } from './chaos-flow.js';
import { reset } from './reset.js';
import { onTeardown } from './teardown.js';

export type { Way };

/** One connection through the proxy: the end that connected, and the end that it was led to. */
interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  readonly up: Flow;
  readonly down: Flow;
  isForgotten: boolean;
}

/**
 * A TCP proxy between any two ends, on which the network can be made as bad as it gets, while connections are open. Faults
 * hold for the connections that are open and for those to come, unless they say otherwise. It never looks at what passes.
 * Closed after the test.
 */
export class ChaosProxy {
  readonly #faults: Faults = { delayMs: 0, jitterMs: 0, trickle: undefined, isHole: false };
  readonly #pairs = new Set<Pair>();
  readonly #open = new Set<Socket>();
  readonly #server: Server;
  /** The events that the black hole holds back. */
  #later: (() => void)[] = [];
  #next: { readonly bytes: number; readonly way: Way } | undefined;
  #isRefusing = false;
  #torn = 0;
  #accepted = 0;

  private constructor(private target: number) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      this.#accept(near);
    });
  }

  /** Stands in front of a port of the loopback interface. */
  static async before(port: number): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(port);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', 4_096, resolve));
    onTeardown(() => proxy.close());
    return proxy;
  }

  /** Where it listens. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many connections there are, those that only one end still believes in among them. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** How many connections it has taken in, or refused. */
  get accepted(): number {
    return this.#accepted;
  }

  /** How many connections {@link tearAfter} has broken. */
  get torn(): number {
    return this.#torn;
  }

  /** Everything arrives this much later, and by chance up to `jitterMs` more; never in another order. 0 is off. */
  delay(ms: number, jitterMs = 0): void {
    this.#faults.delayMs = ms;
    this.#faults.jitterMs = jitterMs;
  }

  /** Passes on so many bytes and no more, every so many milliseconds, in these ways. No `bytes` is off. */
  trickle(bytes: number | undefined, everyMs = 1, ...ways: readonly Way[]): void {
    this.#faults.trickle =
      bytes === undefined ? undefined : { bytes, everyMs, ways: ways.length === 0 ? ['up', 'down'] : ways };
  }

  /** A black hole: connections are taken in and kept, and nothing passes, neither bytes nor the end of a connection. */
  swallow(): void {
    this.#faults.isHole = true;
    for (const { up, down } of this.#pairs) {
      up.pump();
      down.pump();
    }
  }

  /** The black hole is gone: what TCP has kept until now arrives, whoever still wants it. */
  release(): void {
    this.#faults.isHole = false;
    for (const happen of this.#later.splice(0)) happen();
    for (const { up, down } of this.#pairs) {
      up.pump();
      down.pump();
    }
  }

  /**
   * Half-open: from now on the ends of the connections that are open hear nothing of each other, ever, and not that the other
   * is gone. New connections are fine: a firewall, or a router that was restarted, has forgotten the old ones.
   */
  forget(): void {
    for (const pair of this.#pairs) {
      pair.isForgotten = true;
      pair.up.discard();
      pair.down.discard();
    }
  }

  /**
   * Breaks each connection that is open once so many more bytes have passed in one way: the last of them still arrive, and
   * what comes behind them does not. Fewer than a frame has, and it is torn.
   */
  tearAfter(bytes: number, way: Way): void {
    for (const pair of this.#pairs) this.#tear(pair, bytes, way);
  }

  /** The same for the connection that comes next. */
  tearNextAfter(bytes: number, way: Way): void {
    this.#next = { bytes, way };
  }

  /** Breaks every connection that is open, now, without a word to either end. */
  cut(): void {
    for (const pair of [...this.#pairs]) this.#break(pair);
  }

  /** Breaks new connections at once, as a load balancer does that has nowhere to lead them. Those open are fine. */
  refuse(isRefusing = true): void {
    this.#isRefusing = isRefusing;
  }

  /** Leads new connections elsewhere. */
  leadTo(port: number): void {
    this.target = port;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const { up, down } of this.#pairs) {
      up.discard();
      down.discard();
    }
    for (const socket of this.#open) socket.destroy();
    await closed;
  }

  #accept(near: Socket): void {
    this.#accepted++;
    this.#keep(near);
    if (this.#isRefusing) reset(near);
    else if (this.#faults.isHole) {
      near.pause();
      this.#later.push(() => {
        this.#join(near);
      });
    } else this.#join(near);
  }

  #join(near: Socket): void {
    // The test is over.
    if (near.destroyed) return;
    const far = connect({ port: this.target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.#keep(far);
    const up = new Flow(near, far, 'up', this.#faults);
    const down = new Flow(far, near, 'down', this.#faults);
    const pair: Pair = { near, far, up, down, isForgotten: false };
    this.#pairs.add(pair);
    if (this.#next !== undefined) this.#tear(pair, this.#next.bytes, this.#next.way);
    this.#next = undefined;
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.once('close', (isBroken) => {
        if (near.destroyed && far.destroyed) this.#pairs.delete(pair);
        const tell = () => {
          if (isBroken && !pair.isForgotten) reset(other);
        };
        if (this.#faults.isHole) this.#later.push(tell);
        else tell();
      });
    }
  }

  #tear(pair: Pair, bytes: number, way: Way): void {
    const flow = way === 'up' ? pair.up : pair.down;
    flow.tearAfter(bytes, () => {
      this.#torn++;
      this.#break(pair);
    });
  }

  #break({ near, far, up, down }: Pair): void {
    up.discard();
    down.discard();
    reset(near);
    reset(far);
  }

  #keep(socket: Socket): void {
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    // It is followed by `close`, which says that there was one.
    socket.on('error', () => undefined);
  }
}
