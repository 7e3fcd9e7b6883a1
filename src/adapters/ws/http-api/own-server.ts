import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { SocketConfigurationError } from '../../../ports/errors.js';
import type { SocketLogger } from '../../../ports/logger.js';

/** How long answers under way have before their connections are ended. */
const CLOSE_WAIT_MS = 1_000;

/** An HTTP server for the API alone, on all interfaces, so that a firewall can tell it from the public one. */
export class OwnServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * Resolves once it listens.
   *
   * @throws SocketConfigurationError when it cannot, because the port is taken or not this process's to open
   */
  static async listen(port: number, logger: SocketLogger, listener: RequestListener): Promise<OwnServer> {
    const server = createServer(listener);
    try {
      await once(server.listen(port), 'listening');
    } catch (error) {
      throw new SocketConfigurationError([
        `SOCKET_HTTP_API_PORT: the Pusher HTTP API cannot listen on port ${port}: ${String(error)}`,
      ]);
    }
    // What fails later is told, and must not end the process.
    server.on('error', ({ message }) => {
      logger.error(`The Pusher HTTP API on port ${port} (SOCKET_HTTP_API_PORT): ${message}`);
    });
    return new OwnServer(server);
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
