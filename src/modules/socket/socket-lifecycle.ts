import type { Server } from 'node:http';
import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationShutdown,
  RequestMethod,
} from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import type { CallerAuthorization } from '../../ports/callers.js';
import type { Timer } from '../../ports/clock.js';
import { SocketRuntime } from '../../runtime/socket-runtime.js';
import { callersForAdapters } from './authorization/callers.js';
import { servedPath } from './endpoints/served-path.js';
import { socketLog } from './socket-log.js';
import { startLine } from './start-line.js';

/** Starts and stops the runtime with the Nest application. */
@Injectable()
export class SocketLifecycle implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #runtime: SocketRuntime;
  readonly #callers: CallerAuthorization;
  readonly #host: HttpAdapterHost;
  readonly #application: ApplicationConfig;
  readonly #path: string;
  readonly #logger = socketLog();
  readonly #isQuiet: boolean;
  #hasStarted = false;
  /** The end of the time that the application has for its last requests. */
  #deadline: Timer | undefined;

  /**
   * @param path the path of the endpoints, without the application's global prefix
   * @param isQuiet whether it leaves out the line that says what was started, as in tests with the fake
   */
  constructor(
    runtime: SocketRuntime,
    callers: CallerAuthorization,
    host: HttpAdapterHost,
    application: ApplicationConfig,
    path: string,
    isQuiet: boolean,
  ) {
    this.#runtime = runtime;
    this.#callers = callers;
    this.#host = host;
    this.#application = application;
    this.#path = path;
    this.#isQuiet = isQuiet;
  }

  /**
   * Attaches the providers that need it to the application's HTTP server, and opens the runtime.
   *
   * @throws SocketConfigurationError when a provider cannot listen on a port of its own; the application's start then fails
   */
  async start(): Promise<void> {
    // A hybrid application can call its hooks a second time, for a microservice.
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    const server = this.#server;
    const { hasGateway, config, providers } = this.#runtime;
    if (server !== undefined) {
      const webhook = servedPath(this.#application, `${this.#path}/webhook`, RequestMethod.POST);
      await this.#attach(server, webhook.replace(/\/webhook$/, ''));
      if (hasGateway && !speaksHttp1(server))
        this.#logger.warn(
          'The HTTP server speaks HTTP/2 only, and browsers open WebSockets over HTTP/1: no page can connect. Allow both: ' +
            'http2: true, https: { key, cert, allowHTTP1: true }',
        );
    }
    this.#runtime.open();
    // The gateway's address is known when the server listens.
    if (server === undefined || !hasGateway || server.listening) this.#logStart();
    else server.once('listening', this.#logStart);
    if (server === undefined && hasGateway && config.cluster === 'local') {
      const gateway = providers.find(({ adapter }) => adapter.capabilities?.hasGateway === true);
      const relays = providers.length === 1 ? 'relays' : `on "${String(gateway?.name)}", relays`;
      this.#logger.warn(`There is no HTTP server to listen on: ${relays} of this process reach nobody`);
    }
  }

  /**
   * Sends the clients away before Nest closes the HTTP server, because the server would wait for their sockets. It also waits
   * for the requests that are being answered, and these may still relay.
   */
  async beforeApplicationShutdown(): Promise<void> {
    const { clock, config } = this.#runtime;
    this.#server?.off('listening', this.#logStart);
    await this.#runtime.drain();
    if (config.closeTimeoutMs > 0)
      this.#deadline ??= clock.after(
        config.closeTimeoutMs,
        () => void this.#closeEarly(config.closeTimeoutMs),
      );
  }

  /** The HTTP server is closed: there is no request left. */
  async onApplicationShutdown(): Promise<void> {
    this.#deadline?.cancel();
    await this.#runtime.close();
  }

  /** The start fails with this, so nothing may be left open. */
  async #attach(server: Server, path: string): Promise<void> {
    try {
      await this.#runtime.attach(server, path, callersForAdapters(this.#callers));
    } catch (error) {
      await Promise.allSettled([this.#runtime.close()]);
      throw error;
    }
  }

  async #closeEarly(milliseconds: number): Promise<void> {
    this.#logger.warn(
      `The application has not ended its last requests within ${milliseconds} ms (SOCKET_CLOSE_TIMEOUT_MS): their relays are lost`,
    );
    try {
      await this.#runtime.close();
    } catch (error) {
      this.#logger.error(`Could not close: ${String(error)}`);
    }
  }

  readonly #logStart = (): void => {
    if (!this.#isQuiet) this.#logger.log(startLine(this.#runtime, this.#server));
  };

  /** Absent in a worker, a microservice or a command-line tool: there is no HTTP adapter, although Nest's type does not say so. */
  get #server(): Server | undefined {
    const httpAdapter = this.#host.httpAdapter as HttpAdapterHost['httpAdapter'] | null | undefined;
    return (httpAdapter?.getHttpServer() as Server | null | undefined) ?? undefined;
  }
}

/** Whether a server answers HTTP/1, which one of HTTP/2 does only where it is told to. It has the limits of HTTP/1 then. */
function speaksHttp1(server: Server): boolean {
  const isHttp2 = 'updateSettings' in server;
  return !isHttp2 || (server as Partial<Server>).headersTimeout !== undefined;
}
