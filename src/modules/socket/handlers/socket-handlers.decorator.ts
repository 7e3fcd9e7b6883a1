import { Injectable, type InjectableOptions } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { checkNames, checkObject, checkText, invalidArgument, kindOf } from '../../../ports/arguments.js';
import { ChannelPattern } from '../../../protocol/channel-pattern.js';

/** The key of Nest's metadata that `@Injectable` writes. */
const INJECTABLE_OPTIONS = 'scope:options';

/** The options of {@link SocketHandlers}, which hold for every handler of the class. */
export interface SocketHandlersOptions {
  /**
   * The private or presence channels whose subscribers may send, like `private-orders.{orderId}`: a name with placeholders, as in
   * `@AuthorizeChannel`. @default undefined, any channel of the sender, and the connection itself
   */
  readonly channel?: string;
  /** Whether a connection may send that nobody is signed in on. @default false */
  readonly allowAnonymous?: boolean;
  /**
   * Whether a message waits until the handlers of its connection's earlier messages have ended. @default true
   */
  readonly inOrder?: boolean;
}

/** The same, checked. */
export interface HandlersMark {
  readonly pattern: ChannelPattern | undefined;
  readonly allowAnonymous: boolean;
  readonly inOrder: boolean;
}

/** Marks a class as one with handlers, so that they are found in any module. */
export const SocketHandlersMark = DiscoveryService.createDecorator<HandlersMark>();

const OPTIONS = Object.keys({ channel: true, allowAnonymous: true, inOrder: true } satisfies Record<
  keyof SocketHandlersOptions,
  true
>);

/**
 * Makes a class one whose methods handle what members' browsers send. The class is an ordinary provider: list it in a module's
 * `providers`, and inject its dependencies. The methods have the decorators of `@nestjs/websockets`, and guards, pipes, interceptors and
 * exception filters, as in a gateway of Nest.
 *
 * ```ts
 * @SocketHandlers()
 * export class OrderHandlers {
 *   @SubscribeMessage('ORDER_OPENED')
 *   opened(@MessageBody() { orderId }: OrderOpened, @ConnectedSocket() from: MemberSocket) {
 *     return this.orders.open(orderId, from.member.id);
 *   }
 * }
 * ```
 *
 * @throws SocketUsageError `INVALID_ARGUMENT` at class definition for options of the wrong kind
 * @throws TypeError at class definition for a pattern that covers no private or presence channel
 */
export function SocketHandlers(options: SocketHandlersOptions = {}): ClassDecorator {
  const mark = SocketHandlersMark(checked(options));
  return (target) => {
    // The class may have an `@Injectable({ scope })` below this decorator.
    const injectable = Reflect.getOwnMetadata(INJECTABLE_OPTIONS, target) as InjectableOptions | undefined;
    Injectable(injectable)(target);
    mark(target);
  };
}

function checked(options: SocketHandlersOptions): HandlersMark {
  const what = '@SocketHandlers(options): options';
  checkObject(what, options);
  checkNames(what, options, OPTIONS);
  const { channel, allowAnonymous = false, inOrder = true } = options;
  if (channel !== undefined) checkText('@SocketHandlers(options): channel', channel);
  for (const [name, value] of Object.entries<unknown>({ allowAnonymous, inOrder })) {
    if (typeof value === 'boolean') continue;
    throw invalidArgument(`@SocketHandlers(options): ${name} must be true or false; it is ${kindOf(value)}`);
  }
  const pattern = channel === undefined ? undefined : ChannelPattern.ofAuthorized(channel);
  return { pattern, allowAnonymous, inOrder };
}
