import { Container, type ContainerModule } from 'inversify';
import type { ChannelEngine } from '../channels/channel-engine.js';
import { ChannelEventSource } from '../channels/channel-event-source.js';
import { CLOCK } from '../ports/clock.js';
import { LOGGER } from '../ports/logger.js';
import type { AdapterClient } from '../ports/relay-client.js';
import { SOCKET_CLIENT } from '../ports/socket-client.js';
import { SOCKET_CONFIG } from '../ports/socket-config.js';
import type { AdapterContext, AdapterParts, ServerAttachment, WebhookCounters } from './adapter.js';

/** The inversify token of an adapter's {@link ServerAttachment}. */
export const SERVER_ATTACHMENT = Symbol.for('nestjs-switchboard.ServerAttachment');

/** The inversify token of an adapter's {@link WebhookCounters}. */
export const WEBHOOK_COUNTERS = Symbol.for('nestjs-switchboard.WebhookCounters');

/**
 * Composes an adapter's parts in an inversify container of its own, as the built-in adapters do.
 *
 * @param module binds `SOCKET_CLIENT`, and optionally `SERVER_ATTACHMENT` and `WEBHOOK_COUNTERS`. It may inject
 * `SOCKET_CONFIG`, `LOGGER`, `CLOCK` and `ChannelEventSource`
 * @param engine the engine that serves connections of this process; absent where the adapter has none
 */
export async function compose(
  context: AdapterContext,
  module: ContainerModule,
  engine?: ChannelEngine,
): Promise<AdapterParts> {
  const container = new Container();
  container.bind(SOCKET_CONFIG).toConstantValue(context.config);
  container.bind(LOGGER).toConstantValue(context.logger);
  container.bind(CLOCK).toConstantValue(context.clock);
  container.bind(ChannelEventSource).toConstantValue(context.channelEvents);
  await container.load(module);

  return {
    client: container.get<AdapterClient>(SOCKET_CLIENT),
    clock: context.clock,
    ...(engine !== undefined && { engine }),
    ...(container.isBound(SERVER_ATTACHMENT) && {
      attachment: container.get<ServerAttachment>(SERVER_ATTACHMENT),
    }),
    ...(container.isBound(WEBHOOK_COUNTERS) && {
      webhooks: container.get<WebhookCounters>(WEBHOOK_COUNTERS),
    }),
  };
}
