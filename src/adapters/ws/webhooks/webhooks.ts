import { inject, injectable } from 'inversify';
import { ChannelEventSource } from '../../../channels/channel-event-source.js';
import type { ChannelEvent } from '../../../ports/channel-events.js';
import { CLOCK, type Clock } from '../../../ports/clock.js';
import { LOGGER, type SocketLogger } from '../../../ports/logger.js';
import { SOCKET_CONFIG, type SocketConfig } from '../../../ports/socket-config.js';
import { WEBHOOK_LIMITS, type WebhookLimits } from './webhook-limits.js';
import { WebhookPoster } from './webhook-poster.js';
import { queuedEvent } from './webhook-queue.js';
import { WebhookReport } from './webhook-report.js';
import { WebhookTarget } from './webhook-target.js';

/** What became of one URL's events since the process started. */
export interface WebhookStatistics {
  /** Without credentials and query. */
  readonly url: string;
  /** Not counting those on their way. */
  readonly waiting: number;
  readonly delivered: number;
  readonly lost: number;
}

/**
 * Posts what happens on channels to the configured URLs, signed as Pusher signs its webhooks (protocol section 3.15). It
 * listens as soon as it is made, if there are any. The engine only ever waits for an event to be written down.
 */
@injectable()
export class Webhooks {
  readonly #targets: readonly WebhookTarget[];
  readonly #stopListening: () => void;

  constructor(
    @inject(SOCKET_CONFIG) config: SocketConfig,
    @inject(ChannelEventSource) source: ChannelEventSource,
    @inject(LOGGER) logger: SocketLogger,
    @inject(CLOCK) clock: Clock,
    @inject(WEBHOOK_LIMITS) limits: WebhookLimits,
  ) {
    const { urls, events, privateTargets } = config.webhooks;
    const posting = { app: config.app, privateTargets, requestMs: limits.requestMs };
    this.#targets = [...new Set(urls)].map((text) => {
      const url = new URL(text);
      const report = new WebhookReport(url.origin + url.pathname, logger);
      return new WebhookTarget(new WebhookPoster(url, posting, clock), report, clock, limits);
    });
    this.#stopListening =
      this.#targets.length === 0
        ? () => undefined
        : source.listen((event) => {
            if (events.length === 0 || events.includes(event.name)) this.#send(event);
          });
  }

  /** How each URL is doing. */
  get statistics(): readonly WebhookStatistics[] {
    return this.#targets.map(({ waiting, report: { name, delivered, lost } }) => {
      return { url: name, waiting, delivered, lost };
    });
  }

  /** Takes no more events, makes one last attempt at those that wait, and releases every connection. */
  async close(): Promise<void> {
    this.#stopListening();
    await Promise.all(this.#targets.map((target) => target.close()));
  }

  #send(event: ChannelEvent): void {
    const queued = queuedEvent(event);
    for (const target of this.#targets) target.add(queued);
  }
}
