import type { Server } from 'node:http';
import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
  RequestMethod,
} from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import { SocketRuntime } from '../../runtime/socket-runtime.js';
import { servedPath } from './endpoints/served-path.js';
import { socketLog } from './socket-log.js';

/** Starts and stops the runtime with the Nest application. */
@Injectable()
export class SocketLifecycle implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #runtime: SocketRuntime;
  readonly #host: HttpAdapterHost;
  readonly #application: ApplicationConfig;
  readonly #path: string;
  readonly #logger = socketLog();

  /** @param path the path of the endpoints, without the application's global prefix */
  constructor(runtime: SocketRuntime, host: HttpAdapterHost, application: ApplicationConfig, path: string) {
    this.#runtime = runtime;
    this.#host = host;
    this.#application = application;
    this.#path = path;
  }

  /**
   * Attaches the providers that need it to the application's HTTP server.
   *
   * @throws SocketConfigurationError when a provider cannot listen on a port of its own; the application's start then fails
   */
  async onApplicationBootstrap(): Promise<void> {
    const server = this.#httpAdapter?.getHttpServer() as Server | undefined;
    const { hasGateway, config, providers } = this.#runtime;
    if (server !== undefined) {
      const webhook = servedPath(this.#application, `${this.#path}/webhook`, RequestMethod.POST);
      await this.#runtime.attach(server, webhook.replace(/\/webhook$/, ''));
    } else if (hasGateway && config.cluster === 'local') {
      const gateway = providers.find(({ adapter }) => adapter.capabilities?.hasGateway === true);
      const relays = providers.length === 1 ? 'relays' : `on "${String(gateway?.name)}", relays`;
      this.#logger.warn(`There is no HTTP server to listen on: ${relays} of this process reach nobody`);
    }
  }

  /** Closes the providers before Nest closes the HTTP server, because the server would wait for their sockets. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#runtime.close();
  }

  /** Absent in a worker or a command-line tool, although Nest's type does not say so. */
  get #httpAdapter(): HttpAdapterHost['httpAdapter'] | undefined {
    return this.#host.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined;
  }
}
