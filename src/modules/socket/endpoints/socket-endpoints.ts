import {
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
  RequestMethod,
} from '@nestjs/common';
import type { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import { RequestBodies } from '../../../http/request-bodies.js';
import type { ChannelAuth, UserAuth } from '../../../ports/authorization.js';
import type { CallerAuthorization } from '../../../ports/callers.js';
import type { ClientConfig, PusherAuthOptions } from '../../../ports/client-config.js';
import { messageOf } from '../../../ports/errors.js';
import type { HttpRequest } from '../../../ports/http-request.js';
import { Refusal } from '../../../ports/refusal.js';
import { channelNameProblem, userChannel } from '../../../protocol/channel-name.js';
import { isSocketId } from '../../../protocol/socket-id.js';
import type { ProviderOptions, SocketRuntime } from '../../../runtime/socket-runtime.js';
import { socketLog } from '../socket-log.js';
import { clientOriginOf } from './client-origin.js';
import { type Endpoint, type FrameworkRequest, serveEndpoints } from './endpoint-routes.js';
import { FirstPositions } from './first-positions.js';
import { HistoryEndpoint } from './history-endpoint.js';
import { answerWith, refusalAnswer } from './refusal.js';
import { servedPath } from './served-path.js';

/** The endpoints that browsers ask: where to connect, for the signatures of signins and subscriptions, and what they have missed. */
export class SocketEndpoints implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  readonly #logger = socketLog();
  readonly #bodies: RequestBodies;
  readonly #runtime: SocketRuntime;
  readonly #callers: CallerAuthorization;
  readonly #firstPositions: FirstPositions;
  readonly #history: HistoryEndpoint;
  readonly #host: HttpAdapterHost;
  readonly #application: ApplicationConfig;
  readonly #path: string;

  /** @param path the path of the endpoints, without the application's global prefix */
  constructor(
    runtime: SocketRuntime,
    callers: CallerAuthorization,
    host: HttpAdapterHost,
    application: ApplicationConfig,
    path: string,
  ) {
    this.#bodies = new RequestBodies(runtime.clock);
    this.#runtime = runtime;
    this.#callers = callers;
    this.#firstPositions = new FirstPositions(runtime);
    this.#history = new HistoryEndpoint(runtime, callers);
    this.#host = host;
    this.#application = application;
    this.#path = path;
  }

  /** Adds the routes, when the application's own middleware and controllers are in place. */
  async onModuleInit(): Promise<void> {
    const adapter = this.#httpAdapter;
    if (adapter === undefined) return;
    const endpoints = [
      this.#endpoint('GET', 'config', (request) => this.#config(request)),
      this.#endpoint('POST', 'auth', (request, readFields) => this.#authorizeChannel(request, readFields)),
      this.#endpoint('POST', 'user-auth', (request, readFields) => this.#authorizeUser(request, readFields)),
      this.#endpoint('POST', 'history', async (request, readFields) =>
        this.#history.answer(request, await readFields()),
      ),
    ];
    await serveEndpoints(adapter, endpoints, this.#bodies);
  }

  /** Warns that `identify` is missing, unless the application has no HTTP server that could need it. */
  onApplicationBootstrap(): void {
    if (this.#callers.canIdentify || this.#httpAdapter === undefined) return;
    this.#logger.warn(
      'SocketModule has no identify(request): private channels, presence channels and signins are refused',
    );
  }

  onApplicationShutdown(): void {
    this.#bodies.close();
    this.#history.close();
  }

  #endpoint(
    method: Endpoint['method'],
    name: string,
    handle: (request: FrameworkRequest, readFields: () => Promise<object>) => Promise<object>,
  ): Endpoint {
    const path = servedPath(this.#application, `${this.#path}/${name}`, RequestMethod[method]);
    return {
      method,
      path,
      answer: async (request, readFields) => {
        try {
          return answerWith(200, await handle(request, readFields));
        } catch (error) {
          const refusal = refusalAnswer(error);
          if (refusal === undefined) throw error;
          if (!(error instanceof Refusal && error.isLogged))
            this.#logger.debug?.(`${method} ${path} was refused with ${refusal.status}: ${messageOf(error)}`);
          return refusal;
        }
      },
    };
  }

  async #config(request: FrameworkRequest): Promise<ClientConfig> {
    const { app, broadcastChannel, publicUrl, second } = this.#runtime.config;
    const origin = publicUrl ?? clientOriginOf(request);
    // The path of this route, so that a global prefix or a mount point is in it; without a host that the request line names.
    const base = request.originalUrl
      .replace(/^(?:[a-z][a-z0-9+.-]*:)?\/\/[^/?]*/i, '')
      .replace(/\/config\/?(?:\?.*)?$/, '');
    const optionsOf = ({ provider, options, signsInAsPusher }: ProviderOptions) => ({
      provider,
      options: { ...options, ...(signsInAsPusher && authOptions(origin.path + base)) },
    });
    const [inForce, ...beside] = this.#runtime.clientOptions(origin);
    return {
      ...optionsOf(inForce),
      key: app.key,
      broadcastChannel,
      ...(this.#runtime.envelopedChannels !== undefined && {
        history: {
          channels: this.#runtime.envelopedChannels,
          ...(await this.#firstPositions.of(broadcastChannel)),
        },
      }),
      ...(this.#runtime.carriesAnswers && { carriesAnswers: true as const }),
      ...(beside.length > 0 && { beside: beside.map(optionsOf) }),
      ...(second !== undefined && { recheckMs: second.recheckS * 1_000 }),
    };
  }

  async #authorizeChannel(request: HttpRequest, readFields: () => Promise<object>): Promise<ChannelAuth> {
    const fields = await readFields();
    const socketId = socketIdOf(fields);
    const channel: unknown = Reflect.get(fields, 'channel_name');
    const problem = channelNameProblem(channel);
    if (problem !== undefined) throw new Refusal(400, 'INVALID_CHANNEL_NAME', `channel_name: ${problem}`);
    const member = await this.#callers.identify(request);
    const auth = await this.#callers.authorizeChannel(member, socketId, String(channel), request);
    return { ...auth, ...(await this.#firstPositions.of(String(channel))) };
  }

  async #authorizeUser(request: HttpRequest, readFields: () => Promise<object>): Promise<UserAuth> {
    const socketId = socketIdOf(await readFields());
    const member = await this.#callers.identify(request);
    const auth = await this.#callers.authorizeUser(member, socketId);
    return { ...auth, ...(await this.#firstPositions.of(userChannel(member.id))) };
  }

  /** Absent in a worker or a command-line tool, although Nest's type does not say so. */
  get #httpAdapter(): HttpAdapterHost['httpAdapter'] | undefined {
    return (this.#host.httpAdapter as HttpAdapterHost['httpAdapter'] | null | undefined) ?? undefined;
  }
}

function authOptions(base: string): PusherAuthOptions {
  return {
    channelAuthorization: { endpoint: `${base}/auth`, transport: 'ajax' },
    userAuthentication: { endpoint: `${base}/user-auth`, transport: 'ajax' },
  };
}

function socketIdOf(fields: object): string {
  const socketId: unknown = Reflect.get(fields, 'socket_id');
  if (!isSocketId(socketId))
    throw new Refusal(400, 'INVALID_SOCKET_ID', 'socket_id: it must look like "123.456"');
  return socketId;
}
