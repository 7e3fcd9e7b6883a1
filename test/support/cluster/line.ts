import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { reset } from '../reset.js';
import { onTeardown } from '../teardown.js';

/** Something that listens on loopback: a node. */
export interface Listening {
  readonly port: number;
}

/**
 * A browser's way to the cluster, as a load balancer is one: a TCP proxy, which leads what connects next to the node it was
 * told last. Connections stay where they are until they are cut. Closed after the test.
 */
export class Line {
  readonly #open = new Set<Socket>();
  readonly #server: Server;
  #target: Listening;

  private constructor(target: Listening) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      this.#join(near);
    });
  }

  static async to(target: Listening): Promise<Line> {
    const line = new Line(target);
    await new Promise<void>((resolve) => line.#server.listen(0, '127.0.0.1', resolve));
    onTeardown(() => line.close());
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Where it leads now. */
  get target(): Listening {
    return this.#target;
  }

  /** Leads the next connection to another node. */
  leadTo(target: Listening): void {
    this.#target = target;
  }

  /** Breaks every connection, without a word to either end. */
  cut(): void {
    for (const socket of this.#open) reset(socket);
  }

  close(): Promise<void> {
    this.cut();
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  #join(near: Socket): void {
    const far = connect({ port: this.#target.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#open.add(from);
      // It is followed by `close`, which says that there was one.
      from.on('error', () => undefined);
      from.once('close', (isBroken) => {
        this.#open.delete(from);
        if (isBroken) reset(to);
      });
      from.pipe(to);
    }
  }
}
