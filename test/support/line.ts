import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { onTeardown } from './teardown.js';

/** A line to a server on the loopback interface, which can be cut and mended. Closed after the test. */
export class Line {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #target: number | undefined;
  #isCut = false;

  private constructor() {
    this.#server = createServer((near) => {
      this.#keep(near);
      if (this.#isCut || this.#target === undefined) {
        near.resetAndDestroy();
        return;
      }
      const far = connect(this.#target, '127.0.0.1');
      this.#keep(far);
      near.pipe(far).pipe(near);
      near.once('close', () => far.destroy());
      far.once('close', () => near.destroy());
    });
  }

  /** @param target the server's port, where it is known already */
  static async open(target?: number): Promise<Line> {
    const line = new Line();
    line.#target = target;
    line.#server.listen(0, '127.0.0.1');
    await once(line.#server, 'listening');
    onTeardown(() => {
      line.cut();
      line.#server.close();
    });
    return line;
  }

  /** The port of this end. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  leadTo(target: number): void {
    this.#target = target;
  }

  /** Breaks every connection, and lets nobody through. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
  }
}
