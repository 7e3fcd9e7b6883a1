import { createServer } from 'node:http';

/** Hosted Pusher's HTTP API as the statuses that it answers with. */
export class Provider {
  #statuses = [200];
  #answers = 0;
  #server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const status = this.#statuses[this.#answers++ % this.#statuses.length] ?? 200;
      response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': 2 }).end('{}');
    });
  });

  static async start() {
    const provider = new Provider();
    await new Promise((resolve) => provider.#server.listen(0, '127.0.0.1', 4_096, () => resolve(undefined)));
    return provider;
  }

  /** Answers with these from now on, in turn. @param {number[]} statuses */
  answerWith(...statuses) {
    this.#statuses = statuses;
  }

  /** The settings of an application that relays to it. */
  get env() {
    const { port } = /** @type {import('node:net').AddressInfo} */ (this.#server.address());
    return {
      SOCKET_PROVIDER: 'pusher',
      PUSHER_HOST: '127.0.0.1',
      PUSHER_PORT: String(port),
      PUSHER_SCHEME: 'http',
    };
  }

  async close() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}
