import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { onTeardown } from '../teardown.js';
import type { Listening } from './line.js';

const REFUSED = Buffer.from('HTTP/1.1 503');

/**
 * A load balancer as docs/scaling.md advises: the nodes in turn, and where one refuses a connection, or is not there, the
 * next one is asked. It does not look at anybody's health. Closed after the test.
 */
export class Front implements Listening {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #turn = 0;

  private constructor(private nodes: readonly Listening[]) {
    this.#server = createServer({ noDelay: true }, (client) => {
      this.#keep(client);
      client.once('data', (head: Buffer) => {
        client.pause();
        this.#ask(client, head, this.nodes.length);
      });
    });
  }

  static async before(nodes: readonly Listening[]): Promise<Front> {
    const front = new Front(nodes);
    await new Promise<void>((resolve) => front.#server.listen(0, '127.0.0.1', 4_096, resolve));
    onTeardown(() => front.close());
    return front;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Leads new connections to these nodes. */
  leadTo(nodes: readonly Listening[]): void {
    this.nodes = nodes;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#open) socket.destroy();
    await closed;
  }

  #ask(client: Socket, head: Buffer, attempts: number): void {
    const { port = 0 } = this.nodes[this.#turn++ % this.nodes.length] ?? {};
    const node = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#keep(node);
    const again = () => {
      node.destroy();
      if (attempts > 1) this.#ask(client, head, attempts - 1);
      else client.destroy();
    };
    node.once('close', again);
    node.once('data', (answer: Buffer) => {
      if (answer.subarray(0, REFUSED.length).equals(REFUSED) && attempts > 1) return;
      node.off('close', again);
      client.write(answer);
      node.pipe(client);
      client.pipe(node);
      client.once('close', () => node.destroy());
      node.once('close', () => {
        client.destroySoon();
      });
    });
    node.write(head);
  }

  #keep(socket: Socket): void {
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    // It is followed by `close`.
    socket.on('error', () => undefined);
  }
}
