import { createServer, type RequestListener, type Server } from 'node:http';
import type { SocketLogger } from '../../../ports/logger.js';

/** How long answers under way have before their connections are ended. */
const CLOSE_WAIT_MS = 1_000;

/** An HTTP server for the API alone, on all interfaces, so that a firewall can tell it from the public one. */
export class OwnServer {
  readonly #server: Server;

  constructor(port: number, logger: SocketLogger, listener: RequestListener) {
    this.#server = createServer(listener);
    // Nobody waits for a port to be open; a port that is taken must be told all the same, and must not end the process.
    this.#server.on('error', (error) => {
      logger.error(
        `The Pusher HTTP API cannot listen on port ${port} (SOCKET_HTTP_API_PORT): ${error.message}`,
      );
    });
    this.#server.listen(port);
  }

  /** Resolves when no connection is left. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => {
      this.#server.closeAllConnections();
    }, CLOSE_WAIT_MS);
    await closed;
    clearTimeout(timer);
  }
}
