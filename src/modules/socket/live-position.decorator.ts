import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  HttpException,
  Injectable,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import { HttpAdapterHost, Reflector } from '@nestjs/core';
import { tap } from 'rxjs';
import { HistoryRules } from '../../history/history-rules.js';
import { invalidArgument } from '../../ports/arguments.js';
import { messageOf } from '../../ports/errors.js';
import type { HttpRequest } from '../../ports/http-request.js';
import { shown } from '../../ports/logger.js';
import { Refusal } from '../../ports/refusal.js';
import { userChannel } from '../../protocol/channel-name.js';
import { ChannelPattern } from '../../protocol/channel-pattern.js';
import type { HistoryOf } from '../../relays/channel-history.js';
import { SocketRuntime } from '../../runtime/socket-runtime.js';
import { Callers } from './authorization/callers.js';
import { SocketService } from './socket.service.js';
import { socketLog } from './socket-log.js';

/** The channel whose position a method's answers carry: the caller's own, the broadcast channel, or one that params name. */
type LiveChannel = 'members' | 'broadcast' | ChannelPattern;

/** Marks a method with its {@link LiveChannel}. */
const LivePositionMark = Reflector.createDecorator<LiveChannel>();

/** The header with the position. */
const POSITION_HEADER = 'Socket-Position';
/** Without it, a browser hides the other header from a page of another origin. */
const EXPOSED_HEADER = 'Access-Control-Expose-Headers';

/** A request, as Express and Fastify have it. */
type RoutedRequest = HttpRequest & { readonly params?: Readonly<Record<string, unknown>> };

/** The work of `@LivePosition`. */
@Injectable()
class LivePositionInterceptor implements NestInterceptor {
  readonly #logger = socketLog('LivePosition');
  readonly #socketService: SocketService;
  readonly #callers: Callers;
  readonly #host: HttpAdapterHost;
  readonly #reflector: Reflector;
  readonly #runtime: SocketRuntime;
  readonly #rules: HistoryRules;
  /** The channels without history that the log has named. */
  readonly #named = new Set<LiveChannel>();

  constructor(
    runtime: SocketRuntime,
    socketService: SocketService,
    callers: Callers,
    host: HttpAdapterHost,
    reflector: Reflector,
  ) {
    this.#runtime = runtime;
    this.#socketService = socketService;
    this.#callers = callers;
    this.#host = host;
    this.#reflector = reflector;
    this.#rules = new HistoryRules(runtime.config);
  }

  /** @throws SocketUsageError when the route has no param for a placeholder */
  async intercept(context: ExecutionContext, next: CallHandler): Promise<ReturnType<CallHandler['handle']>> {
    const position = context.getType() === 'http' ? await this.#position(context) : undefined;
    const answers = next.handle();
    if (position === undefined) return answers;
    // Afterwards: a caller whom the method refuses learns nothing of the channel.
    return answers.pipe(
      tap(() => {
        this.#tell(context.switchToHttp().getResponse(), position);
      }),
    );
  }

  async #position(context: ExecutionContext): Promise<string | undefined> {
    const channel = this.#reflector.get(LivePositionMark, context.getHandler());
    const request = context.switchToHttp().getRequest<RoutedRequest>();
    if (typeof channel !== 'string') checkParams(channel, request, context);
    if (!this.#rules.isOn || this.#runtime.history === undefined) return undefined;
    try {
      const of = await this.#historyOf(channel, request);
      return of === undefined ? undefined : await this.#socketService.livePosition(of);
    } catch (error) {
      const isRefusal = error instanceof Refusal || error instanceof HttpException;
      const line = `An answer has no ${POSITION_HEADER}: ${messageOf(error)}`;
      if (isRefusal) this.#logger.debug?.(line);
      else this.#logger.warn(line);
      return undefined;
    }
  }

  /** @returns `undefined` where there is no history, and for params that no channel's name can have */
  async #historyOf(channel: LiveChannel, request: RoutedRequest): Promise<HistoryOf | undefined> {
    if (channel === 'members') {
      const { id } = await this.#callers.identify(request);
      return this.#covers(userChannel(id), channel) ? { member: id } : undefined;
    }
    const { broadcastChannel } = this.#runtime.config;
    const name = channel === 'broadcast' ? broadcastChannel : channel.fill(paramsOf(request));
    return name !== undefined && this.#covers(name, channel) ? name : undefined;
  }

  #covers(name: string, channel: LiveChannel): boolean {
    if (this.#rules.covers(name)) return true;
    if (!this.#named.has(channel)) {
      const text = typeof channel === 'string' ? channel : channel.text;
      this.#logger.warn(
        `@LivePosition(${shown(text)}) adds no header: SOCKET_HISTORY does not cover ${shown(name)}`,
      );
    }
    this.#named.add(channel);
    return false;
  }

  #tell(response: { readonly statusCode: number }, position: string): void {
    const { httpAdapter } = this.#host;
    // A method that has sent the answer itself, or has chosen the status of a refusal.
    if (httpAdapter.isHeadersSent(response) === true || response.statusCode >= 400) return;
    httpAdapter.setHeader(response, POSITION_HEADER, position);
    const given: unknown = httpAdapter.getHeader(response, EXPOSED_HEADER) ?? [];
    httpAdapter.setHeader(response, EXPOSED_HEADER, [given, POSITION_HEADER].flat().map(String).join(', '));
  }
}

/**
 * Adds the live position of a channel to the answers of a controller's method, as the header `Socket-Position`. It is read before the
 * method runs, so a page that shows the answer, and then follows the channel from this position, misses nothing in between:
 *
 * ```ts
 * @Get(':id')
 * @LivePosition('private-orders.{id}')
 * find(@Param('id') id: string) {
 *   return this.orders.find(id);
 * }
 * ```
 *
 * There is no header where the channel has no history, where its log cannot be reached, and on the answer of a refusal or an error; the
 * page begins with what is live then. docs/history-backend.md#positions-in-answers
 *
 * @param channel a channel's name, whose placeholders are params of the route; `members` for the caller's own channel, by `identify`;
 * or `broadcast`
 * @throws TypeError at class definition for a text that is no name of channels
 */
export function LivePosition(channel: string): MethodDecorator {
  return applyDecorators(LivePositionMark(liveChannel(channel)), UseInterceptors(LivePositionInterceptor));
}

function liveChannel(text: string): LiveChannel {
  return text === 'members' || text === 'broadcast' ? text : new ChannelPattern(text);
}

function paramsOf({ params }: RoutedRequest): Readonly<Record<string, unknown>> {
  return params ?? {};
}

/** @throws SocketUsageError `INVALID_ARGUMENT` */
function checkParams(pattern: ChannelPattern, request: RoutedRequest, context: ExecutionContext): void {
  const params = paramsOf(request);
  const missing = pattern.names.find((name) => typeof params[name] !== 'string');
  if (missing === undefined) return;
  const place = `${context.getClass().name}.${context.getHandler().name}`;
  const known = Object.keys(params).join(', ') || 'none';
  throw invalidArgument(
    `@LivePosition(${shown(pattern.text)}) of ${place}: the route has no param ${shown(missing)}; its params: ${known}`,
  );
}
