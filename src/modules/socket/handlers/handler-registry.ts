import { ContextIdFactory, MetadataScanner, ModuleRef, NestContainer } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { SocketConfigurationError } from '../../../ports/errors.js';
import { ChannelPattern } from '../../../protocol/channel-pattern.js';
import { CLIENT_EVENT_PREFIX, eventNameProblem } from '../../../protocol/event-name.js';
import { HandlerContext, type Invoke, PARAMETER, PARAMETERS } from './handler-context.js';
import type { HandlersMark } from './socket-handlers.decorator.js';

/** The keys of the metadata that `@SubscribeMessage` of `@nestjs/websockets` writes. */
const IS_MESSAGE = 'websockets:message_mapping';
const MESSAGE = 'message';

/** One handler of the application: a method, with everything that Nest puts around it. */
export interface Handler extends HandlersMark {
  readonly event: string;
  /** The method with its class and module, as messages name it. */
  readonly place: string;
  /** Whether it gives its answer with `@Ack()`, and not by what it returns. */
  readonly hasAck: boolean;
  readonly invoke: Invoke;
}

/** A handler for a message, and the placeholders of its channel. */
export interface FoundHandler {
  readonly handler: Handler;
  readonly params: Readonly<Record<string, string>>;
}

/** A class with handlers, among the application's providers. */
export interface MarkedProvider {
  readonly provider: InstanceWrapper;
  readonly mark: HandlersMark;
  /** The class with the decorators; in a test, something else may be in its place. */
  readonly marked: NewableFunction;
}

const NO_PARAMS = Object.freeze({});

/** The application's handlers, by the events that they take. */
export class HandlerRegistry {
  /** The handlers of each event: those of a channel before the one of any channel, and the more specific before the others. */
  readonly #handlers = new Map<string, Handler[]>();

  /** @throws SocketConfigurationError with every handler that cannot work, and with two that take the same messages */
  constructor(providers: readonly MarkedProvider[]) {
    const problems: string[] = [];
    const scanner = new MetadataScanner();
    for (const marked of providers) {
      const found = handlersOf(marked, scanner, problems);
      for (const handler of found) this.#add(handler, problems);
    }
    if (problems.length > 0) throw new SocketConfigurationError(problems);
    for (const handlers of this.#handlers.values()) handlers.sort(bySpecificity);
  }

  /** Whether any handler takes an event, on whichever channel. */
  knows(event: string): boolean {
    return this.#handlers.has(event);
  }

  /** The handler for an event on this channel, or on the connection itself; `undefined` when there is none. */
  find(event: string, channel: string | undefined): FoundHandler | undefined {
    const handlers = this.#handlers.get(event);
    if (handlers === undefined) return undefined;
    for (const handler of handlers) {
      const { pattern } = handler;
      if (pattern === undefined) return { handler, params: NO_PARAMS };
      const params = channel === undefined ? undefined : pattern.match(channel);
      if (params !== undefined) return { handler, params };
    }
    return undefined;
  }

  /** The channels of an event's handlers, for a message that refuses a sender. */
  channelsOf(event: string): string {
    return (this.#handlers.get(event) ?? []).map(({ pattern }) => `"${pattern?.text ?? ''}"`).join(' or ');
  }

  #add(handler: Handler, problems: string[]): void {
    const handlers = this.#handlers.get(handler.event) ?? [];
    const other = handlers.find(({ pattern }) => pattern?.shape === handler.pattern?.shape);
    if (other !== undefined)
      problems.push(
        `@SubscribeMessage("${handler.event}") of ${handler.place}: another handler takes the same messages: ${other.place}`,
      );
    this.#handlers.set(handler.event, [...handlers, handler]);
  }
}

function bySpecificity({ pattern: a }: Handler, { pattern: b }: Handler): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return ChannelPattern.bySpecificity(a, b);
}

function handlersOf(
  { provider, mark, marked }: MarkedProvider,
  scanner: MetadataScanner,
  problems: string[],
): readonly Handler[] {
  const { host } = provider;
  const instance: unknown = provider.instance;
  const name = String(provider.name);
  const prototype = marked.prototype as object;
  if (host === undefined || (provider.isDependencyTreeStatic() && !(instance instanceof Object))) {
    problems.push(`${name}: a class with @SocketHandlers must be a provider with an instance`);
    return [];
  }
  const methods = scanner.getAllMethodNames(prototype).flatMap((method) => {
    const callback = Reflect.get(prototype, method) as object;
    return Reflect.getMetadata(IS_MESSAGE, callback) === true
      ? [{ method, event: Reflect.getMetadata(MESSAGE, callback) as unknown }]
      : [];
  });
  if (methods.length === 0)
    problems.push(
      `${name} in ${host.name}: a class with @SocketHandlers must have a method with @SubscribeMessage of @nestjs/websockets`,
    );
  return methods.flatMap(({ method, event }) => {
    const place = `${name}.${method} in ${host.name}`;
    const problem = nameProblem(event);
    if (typeof event === 'string' && problem === undefined) {
      const invoke = invokerOf(provider, method, event);
      return [{ ...mark, event, place, hasAck: hasAck(marked, method), invoke }];
    }
    problems.push(`@SubscribeMessage(${JSON.stringify(event)}) of ${place}: ${problem}`);
    return [];
  });
}

function nameProblem(event: unknown): string | undefined {
  if (typeof event === 'string' && event.startsWith(CLIENT_EVENT_PREFIX))
    return `leave out "${CLIENT_EVENT_PREFIX}": the client event client-X reaches the handler of X`;
  return eventNameProblem(event);
}

function hasAck(marked: NewableFunction, method: string): boolean {
  const parameters: unknown = Reflect.getMetadata(PARAMETERS, marked, method);
  return Object.keys(Object(parameters) as object).some((key) => Number(key.split(':')[0]) === PARAMETER.ACK);
}

/** Calls a handler that is there once, or makes one for each message when it, or one of its parts, is request-scoped. */
function invokerOf(provider: InstanceWrapper, method: string, event: string): Invoke {
  const moduleRef: unknown = provider.host?.getProviderByKey(ModuleRef).instance;
  if (!(moduleRef instanceof ModuleRef))
    throw new SocketConfigurationError([`${String(provider.name)}: is in no module`]);
  const container: unknown = Reflect.get(moduleRef, 'container');
  if (!(container instanceof NestContainer))
    throw new SocketConfigurationError(['@SocketHandlers: this version of @nestjs/core is not supported']);
  const context = new HandlerContext(container);
  if (provider.isDependencyTreeStatic() && !provider.isTransient)
    return context.around(provider.instance as object, method, event);
  // A token of Nest is any of the types that `resolve` names.
  const token = provider.token as Parameters<ModuleRef['resolve']>[0];
  return async (socket, payload, ack) => {
    const contextId = ContextIdFactory.create();
    moduleRef.registerRequestByContextId(socket, contextId);
    const instance = await moduleRef.resolve<object, object>(token, contextId, { strict: true });
    return context.around(instance, method, event, contextId, provider.id)(socket, payload, ack);
  };
}
