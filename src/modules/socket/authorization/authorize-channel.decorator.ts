import { applyDecorators, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { ChannelPattern } from './channel-pattern.js';

/** Marks the authorizers, so that they are found in whichever module provides them. */
export const ChannelAuthorizerMark = DiscoveryService.createDecorator<ChannelPattern>();

/**
 * Makes a class the authorizer of the channels that a pattern covers, see {@link ChannelPattern}. The class is an
 * ordinary provider: list it in a module's `providers` and inject what it needs.
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
  return applyDecorators(Injectable(), ChannelAuthorizerMark(new ChannelPattern(pattern)));
}
