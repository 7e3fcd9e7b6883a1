import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { reset } from './reset.js';

/**
 * A load balancer as it may stand in front of the nodes: TCP, the nodes in turn, and nothing that keeps a client on one of
 * them. It passes on bytes, half-closed connections and a client's resets, so that a test sees what it would without it.
 *
 * WebSockets and everything else take turns apart from each other. Were it one turn, a page that asks for a signature
 * before each subscription would always open its sockets on the same node.
 */
export class Balancer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;
  #webSockets: number;
  #requests = 0;

  private constructor(private ports: readonly number[]) {
    // The first WebSocket is on the last node: what the first one sends has to travel to reach it.
    this.#webSockets = ports.length - 1;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.#keep(client);
      const leave = () => client.end();
      // A client that leaves without a word never was on any node.
      client.once('end', leave);
      client.once('data', (head: Buffer) => {
        client.off('end', leave);
        client.pause();
        this.#join(client, head);
      });
    });
  }

  /** Listens on the loopback interface, in front of these ports of it. */
  static async start(ports: readonly number[]): Promise<Balancer> {
    const balancer = new Balancer(ports);
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    balancer.#port = (balancer.#server.address() as AddressInfo).port;
    return balancer;
  }

  get port(): number {
    return this.#port;
  }

  /** Leads new connections to other nodes; those there are stay where they are. */
  leadTo(ports: readonly number[]): void {
    this.ports = ports;
  }

  /** Takes no more connections; those there are stay until the nodes end them. */
  stopListening(): void {
    this.#server.close();
  }

  /** Ends whatever is left. */
  async close(): Promise<void> {
    this.#server.close();
    const closed = [...this.#sockets].map((socket) => once(socket, 'close'));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  #join(client: Socket, head: Buffer): void {
    const node = connect({ port: this.#next(head), host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.#keep(node);
    node.write(head);
    client.pipe(node).pipe(client);
    client.once('close', (broken) => {
      if (broken) reset(node);
    });
    // Everything that the node has sent still arrives: a reset would overtake it.
    node.once('close', () => {
      client.destroySoon();
    });
  }

  #next(head: Buffer): number {
    const turn = /^upgrade: *websocket/im.test(head.toString('latin1'))
      ? this.#webSockets++
      : this.#requests++;
    const port = this.ports[turn % this.ports.length];
    if (port === undefined) throw new Error('A balancer needs a node');
    return port;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // It is followed by `close`, which says that there was one.
    socket.on('error', () => undefined);
  }
}
