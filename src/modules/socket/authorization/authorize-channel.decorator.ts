import { Injectable, type InjectableOptions } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { ChannelPattern } from '../../../protocol/channel-pattern.js';

/** The key of Nest's metadata that `@Injectable` writes. */
const INJECTABLE_OPTIONS = 'scope:options';

/** Marks a class as an authorizer, so that `ChannelAuthorization` finds it in any module. */
export const ChannelAuthorizerMark = DiscoveryService.createDecorator<ChannelPattern>();

/**
 * Makes a class the authorizer of the channels that a {@link ChannelPattern} covers. The class is an ordinary provider: list
 * it in a module's `providers`, and inject its dependencies. With `@Injectable({ scope: Scope.REQUEST })` beside it, Nest makes
 * one for each request. A class that extends one with this decorator has its pattern.
 *
 * ```ts
 * @AuthorizeChannel('private-orders.{orderId}')
 * export class OrderChannel implements ChannelAuthorizer<{ orderId: string }> {
 *   constructor(private readonly orders: OrdersRepository) {}
 *   async authorize(member: Identity, { orderId }: { orderId: string }) {
 *     return (await this.orders.find(orderId))?.ownerId === member.id;
 *   }
 * }
 * ```
 *
 * @throws TypeError at class definition for a pattern that covers no channel that needs an authorizer
 */
export function AuthorizeChannel(pattern: string): ClassDecorator {
  const mark = ChannelAuthorizerMark(ChannelPattern.ofAuthorized(pattern));
  return (target) => {
    // The class may have an `@Injectable({ scope })` below this decorator.
    const options = Reflect.getOwnMetadata(INJECTABLE_OPTIONS, target) as InjectableOptions | undefined;
    Injectable(options)(target);
    mark(target);
  };
}
