import 'reflect-metadata';
import {
  DEFAULT_WEBHOOK_LIMITS,
  type WebhookLimits,
} from '../../../../src/adapters/ws/webhooks/webhook-limits.js';
import { Webhooks } from '../../../../src/adapters/ws/webhooks/webhooks.js';
import type { WebhookConfig } from '../../../../src/adapters/ws/ws.settings.js';
import { ChannelEventSource } from '../../../../src/channels/channel-event-source.js';
import { socketConfig } from '../../../../src/config/socket-config.js';
import type { ChannelEvent } from '../../../../src/ports/channel-events.js';
import { systemClock } from '../../../../src/ports/clock.js';
import type { SocketLogger } from '../../../../src/ports/logger.js';
import { EventQueue } from '../../../support/event-queue.js';
import { onTeardown } from '../../../support/teardown.js';

export const APP = { id: '7', key: 'the-key', secret: 'the-secret-nobody-may-see' };

/** The real thing, only sooner. */
const SOON: WebhookLimits = {
  ...DEFAULT_WEBHOOK_LIMITS,
  gatherMs: 1,
  firstRetryMs: 2,
  longestRetryMs: 10,
  closeMs: 200,
};

/** The logged lines, for a test that waits for the next one. */
export class Log implements SocketLogger {
  readonly lines: string[] = [];
  readonly #next = new EventQueue<{ line: string }>();

  log = (message: string): void => {
    this.#write(`log: ${message}`);
  };
  warn = (message: string): void => {
    this.#write(`warn: ${message}`);
  };
  error = (message: string): void => {
    this.#write(`error: ${message}`);
  };

  async next(): Promise<string> {
    return (await this.#next.next()).line;
  }

  #write(line: string): void {
    this.lines.push(line);
    this.#next.push({ line });
  }
}

/** A source that tells at once what it is told, not after the turn. */
class PromptSource extends ChannelEventSource {
  override emit(event: ChannelEvent): void {
    super.emit(event);
    this.flush();
  }
}

/** The sender of webhooks with a source to emit into, closed after the test. */
export function startWebhooks(webhooks: Partial<WebhookConfig>, limits: Partial<WebhookLimits> = {}) {
  const log = new Log();
  const source = new PromptSource(log);
  const config = socketConfig(
    {},
    { provider: 'ws', app: APP, webhooks: { ...webhooks, privateTargets: true } },
  );
  // Also what no configuration would let pass.
  const privateTargets = webhooks.privateTargets ?? true;
  const sender = new Webhooks(
    { ...config, webhooks: { ...config.webhooks, privateTargets } },
    source,
    log,
    systemClock,
    { ...SOON, ...limits },
  );
  onTeardown(() => sender.close());
  return { source, sender, log };
}

/** So many events, each told from the others by its channel. */
export function occupied(count: number, first = 1): ChannelEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    name: 'channel_occupied',
    channel: `c${first + index}`,
  }));
}

/** The channels of events. */
export function channelsOf(events: readonly ChannelEvent[]): string[] {
  return events.map(({ channel }) => channel);
}
