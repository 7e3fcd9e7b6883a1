import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type Clock, within } from '../../../ports/clock.js';
import { SocketConfigurationError } from '../../../ports/errors.js';
import type { SocketLogger } from '../../../ports/logger.js';

/** How long {@link OwnServer.close} waits for requests in progress before it ends their connections. */
const CLOSE_WAIT_MS = 1_000;

/** An HTTP server for the API alone, on all interfaces, on a port of its own that a firewall can close to the public. */
export class OwnServer {
  readonly #server: Server;
  readonly #clock: Clock;

  private constructor(server: Server, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
  }

  /**
   * Resolves once the server listens.
   *
   * @throws SocketConfigurationError when the port is taken, or when this process may not open it
   */
  static async listen(
    port: number,
    logger: SocketLogger,
    clock: Clock,
    listener: RequestListener,
  ): Promise<OwnServer> {
    const server = createServer(listener);
    try {
      await once(server.listen(port), 'listening');
    } catch (error) {
      throw new SocketConfigurationError([
        `SOCKET_HTTP_API_PORT: the Pusher HTTP API cannot listen on port ${port}: ${String(error)}`,
      ]);
    }
    // Node ends the process on an `error` event without a listener.
    server.on('error', ({ message }) => {
      logger.error(`The Pusher HTTP API on port ${port} (SOCKET_HTTP_API_PORT): ${message}`);
    });
    return new OwnServer(server, clock);
  }

  /** Resolves when no connection is left. */
  async close(): Promise<void> {
    const closed = new Promise<unknown>((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    await within(this.#clock, CLOSE_WAIT_MS, closed, () => {
      this.#server.closeAllConnections();
      return closed;
    });
  }
}
