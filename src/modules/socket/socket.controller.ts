import {
  BadRequestException,
  Body,
  Controller,
  ForbiddenException,
  Get,
  Header,
  HttpCode,
  Inject,
  Post,
  Req,
  type Type,
} from '@nestjs/common';
import type { ChannelAuth, Identity, UserAuth } from '../../ports/authorization.js';
import type { ClientConfig, PusherAuthOptions } from '../../ports/client-config.js';
import { SocketUsageError } from '../../ports/errors.js';
import { channelNameProblem } from '../../protocol/channel-name.js';
import { isSocketId } from '../../protocol/socket-id.js';
import { SocketRuntime } from '../../runtime/socket-runtime.js';
import { ChannelAuthorization } from './authorization/channel-authorization.js';
import { SocketLifecycle } from './socket-lifecycle.js';
import { socketLog } from './socket-log.js';
import { type HttpRequest, SOCKET_OPTIONS, type SocketModuleOptions } from './socket-options.js';

/** The fields of a request that Express and Fastify have in common. */
interface FrameworkRequest extends HttpRequest {
  /** The host with its port. It follows the framework's own setting about proxies. */
  readonly host?: string;
  readonly protocol: string;
  readonly originalUrl: string;
}

/** Makes the controller of the endpoints. It is made by a function because `forRoot` chooses its path. */
export function createSocketController(path: string): Type<unknown> {
  @Controller(path)
  class SocketController {
    readonly #logger = socketLog();

    readonly #runtime: SocketRuntime;
    readonly #lifecycle: SocketLifecycle;
    readonly #authorization: ChannelAuthorization;
    readonly #options: SocketModuleOptions;

    constructor(
      runtime: SocketRuntime,
      lifecycle: SocketLifecycle,
      authorization: ChannelAuthorization,
      @Inject(SOCKET_OPTIONS) options: SocketModuleOptions,
    ) {
      this.#runtime = runtime;
      this.#lifecycle = lifecycle;
      this.#authorization = authorization;
      this.#options = options;
    }

    /** Warns that `identify` is missing, unless the application has no HTTP server that could need it. */
    onApplicationBootstrap(): void {
      if (this.#options.identify !== undefined || !this.#lifecycle.hasServer) return;
      this.#logger.warn(
        'SocketModule has no identify(request): private channels, presence channels and signins are refused',
      );
    }

    @Get('config')
    @Header('Cache-Control', 'no-store')
    config(@Req() request: FrameworkRequest): ClientConfig {
      const { app, broadcastChannel, second } = this.#runtime.config;
      const host = `http://${request.host ?? request.headers.host ?? ''}`;
      if (!URL.canParse(host)) throw new BadRequestException('Host: it is not a host name');
      const url = new URL(host);
      const origin = {
        hostname: url.hostname,
        port: url.port === '' ? undefined : Number(url.port),
        secure: request.protocol === 'https',
      };
      // The path of this route, so that a global prefix or a mount point is in it; without a host that the request line names.
      const base = request.originalUrl
        .replace(/^(?:[a-z][a-z0-9+.-]*:)?\/\/[^/?]*/i, '')
        .replace(/\/config\/?(?:\?.*)?$/, '');
      return {
        provider: this.#runtime.provider,
        key: app.key,
        options: {
          ...this.#runtime.clientOptions(origin),
          ...(this.#runtime.signsInAsPusher && authOptions(base)),
        },
        broadcastChannel,
        ...(second !== undefined && { recheckMs: second.recheckS * 1_000 }),
      };
    }

    @Post('auth')
    @HttpCode(200)
    async authorizeChannel(@Req() request: HttpRequest, @Body() body: unknown): Promise<ChannelAuth> {
      const socketId = socketIdOf(body);
      const channel = field(body, 'channel_name');
      const problem = channelNameProblem(channel);
      if (problem !== undefined) throw new BadRequestException(`channel_name: ${problem}`);
      const member = await this.#identify(request);
      const auth = await this.#signOrRefuse(() =>
        this.#authorization.authorizeChannel(member, socketId, String(channel)),
      );
      if (auth === undefined)
        throw new ForbiddenException(`Channel "${String(channel)}" is not open to this member`);
      return auth;
    }

    @Post('user-auth')
    @HttpCode(200)
    async authorizeUser(@Req() request: HttpRequest, @Body() body: unknown): Promise<UserAuth> {
      const socketId = socketIdOf(body);
      const member = await this.#identify(request);
      return this.#signOrRefuse(() => this.#authorization.authorizeUser(member, socketId));
    }

    /** Signs, or refuses the caller where the application's own answer about the member is invalid, and logs that. */
    async #signOrRefuse<T>(sign: () => T | Promise<T>): Promise<T> {
      try {
        return await sign();
      } catch (error) {
        if (!(error instanceof SocketUsageError)) throw error;
        this.#logger.error(error.message);
        throw new ForbiddenException('The caller cannot be signed in');
      }
    }

    async #identify(request: HttpRequest): Promise<Identity> {
      const member = await this.#options.identify?.(request);
      if (member === null || member === undefined) throw new ForbiddenException('The caller is not known');
      return member;
    }
  }
  return SocketController;
}

function authOptions(base: string): PusherAuthOptions {
  return {
    channelAuthorization: { endpoint: `${base}/auth`, transport: 'ajax' },
    userAuthentication: { endpoint: `${base}/user-auth`, transport: 'ajax' },
  };
}

function socketIdOf(body: unknown): string {
  const socketId = field(body, 'socket_id');
  if (!isSocketId(socketId)) throw new BadRequestException('socket_id: it must look like "123.456"');
  return socketId;
}

function field(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined;
}
