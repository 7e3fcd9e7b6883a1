import { inject, injectable } from 'inversify';
import { ChannelEventSource } from '../../../channels/channel-event-source.js';
import type { ChannelEvent } from '../../../ports/channel-events.js';
import { CLOCK, type Clock } from '../../../ports/clock.js';
import { LOGGER, type SocketLogger } from '../../../ports/logger.js';
import { SOCKET_CONFIG } from '../../../ports/socket-config.js';
import type { WsAdapterConfig } from '../ws.settings.js';
import { WEBHOOK_LIMITS, type WebhookLimits } from './webhook-limits.js';
import { WebhookPoster } from './webhook-poster.js';
import { queuedEvent } from './webhook-queue.js';
import { WebhookReport } from './webhook-report.js';
import { WebhookTarget } from './webhook-target.js';

/** The outcomes of one URL's events since the process started. */
export interface WebhookStatistics {
  /** The URL without credentials and query. */
  readonly url: string;
  /** The queued events, without those in the request in progress. */
  readonly waiting: number;
  readonly delivered: number;
  readonly lost: number;
}

/**
 * Posts channel events to the configured URLs, signed as Pusher signs its webhooks (protocol section 3.15). It listens as
 * soon as it is created, if there are URLs. It only queues an event in the engine's turn, so requests never delay the engine.
 */
@injectable()
export class Webhooks {
  readonly #targets: readonly WebhookTarget[];
  readonly #stopListening: () => void;

  constructor(
    @inject(SOCKET_CONFIG) config: WsAdapterConfig,
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

  /** The statistics of each URL. */
  get statistics(): readonly WebhookStatistics[] {
    return this.#targets.map(({ waiting, report: { name, delivered, lost } }) => {
      return { url: name, waiting, delivered, lost };
    });
  }

  /** Stops to listen, makes one last attempt at the queued events, and closes every connection. */
  async close(): Promise<void> {
    this.#stopListening();
    await Promise.all(this.#targets.map((target) => target.close()));
  }

  #send(event: ChannelEvent): void {
    const queued = queuedEvent(event);
    for (const target of this.#targets) target.add(queued);
  }
}
