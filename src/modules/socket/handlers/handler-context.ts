import type { ArgumentsHost } from '@nestjs/common';
import type { NestContainer } from '@nestjs/core';
import { ExternalContextCreator } from '@nestjs/core';
import { ExternalExceptionFilterContext } from '@nestjs/core/exceptions/external-exception-filter-context.js';
import { ExternalExceptionsHandler } from '@nestjs/core/exceptions/external-exceptions-handler.js';
import { GuardsConsumer, GuardsContextCreator } from '@nestjs/core/guards/index.js';
import type { ContextId } from '@nestjs/core/injector/instance-wrapper.js';
import { InterceptorsConsumer, InterceptorsContextCreator } from '@nestjs/core/interceptors/index.js';
import { PipesConsumer, PipesContextCreator } from '@nestjs/core/pipes/index.js';
import type { MemberSocket } from './member-socket.js';

/** The key of Nest's metadata about a method's parameters. */
export const PARAMETERS = '__routeArguments__';

/** The kinds of parameters in that metadata, as `@nestjs/websockets` numbers them. */
export const PARAMETER = Object.freeze({ SOCKET: 0, PAYLOAD: 3, ACK: 13 });

/** Takes an answer that a handler with `@Ack()` gives. */
export type Ack = (value?: unknown) => void;

/** Calls a handler with its guards, interceptors, pipes and filters around it. Rejects with what no filter has turned into an answer. */
export type Invoke = (socket: MemberSocket, payload: unknown, ack: Ack | undefined) => Promise<unknown>;

/**
 * Nest's own context around handlers, as around those of a gateway: without the application's global guards, pipes, interceptors and
 * filters, which are for HTTP.
 */
export class HandlerContext {
  readonly #creator: ExternalContextCreator;

  constructor(container: NestContainer) {
    this.#creator = new ExternalContextCreator(
      new GuardsContextCreator(container),
      new GuardsConsumer(),
      new InterceptorsContextCreator(container),
      new InterceptorsConsumer(),
      container.getModules(),
      new PipesContextCreator(container),
      new PipesConsumer(),
      new HandlerFilters(container),
    );
  }

  /**
   * @param event the name that `getPattern()` returns to guards, interceptors and filters
   * @param contextId the context that request-scoped parts were made for; absent for a handler that is there once
   * @param inquirerId the id of the handler's wrapper in Nest
   */
  around(
    instance: object,
    method: string,
    event: string,
    contextId?: ContextId,
    inquirerId?: string,
  ): Invoke {
    const callback = methodOf(instance, method);
    const call = this.#creator.create(
      instance,
      callback,
      method,
      PARAMETERS,
      { exchangeKeyForValue },
      contextId,
      inquirerId,
      undefined,
      'ws',
    );
    return (socket, payload, ack) =>
      ack === undefined ? call(socket, payload, event) : call(socket, payload, ack, event);
  }
}

/** @returns the value of a parameter, from the arguments: the socket, the payload, the ack where there is one, and the event's name */
function exchangeKeyForValue(type: number, field: unknown, [socket, payload, ack]: unknown[]): unknown {
  switch (type) {
    case PARAMETER.SOCKET:
      return socket;
    case PARAMETER.PAYLOAD:
      return typeof field === 'string' && field !== '' ? fieldOf(payload, field) : payload;
    case PARAMETER.ACK:
      return typeof ack === 'function' ? ack : undefined;
    default:
      return undefined;
  }
}

function fieldOf(payload: unknown, field: string): unknown {
  return typeof payload === 'object' && payload !== null && Object.hasOwn(payload, field)
    ? Reflect.get(payload, field)
    : undefined;
}

function methodOf(instance: object, method: string): (...args: unknown[]) => unknown {
  const callback: unknown = Reflect.get(instance, method);
  if (typeof callback === 'function') return callback as (...args: unknown[]) => unknown;
  throw new TypeError(`${method} of ${instance.constructor.name} is no method any more`);
}

/**
 * The filters of handlers. A value that a filter returns is the answer, and an error that it throws is the error. When it returns
 * nothing, the exception itself stays the error. It is logged where it becomes an answer, and not here, as Nest's own handler does.
 */
class HandlerExceptions extends ExternalExceptionsHandler {
  readonly #filters: ExternalExceptionsHandler;

  constructor(filters: ExternalExceptionsHandler) {
    super();
    this.#filters = filters;
  }

  override async next(exception: Error, host: ArgumentsHost): Promise<unknown> {
    const answer: unknown = await this.#filters.invokeCustomFilters(exception, host);
    if (answer === undefined || answer === null) throw exception;
    return answer;
  }
}

class HandlerFilters extends ExternalExceptionFilterContext {
  override create(...around: Parameters<ExternalExceptionFilterContext['create']>): HandlerExceptions {
    return new HandlerExceptions(super.create(...around));
  }
}
