import type { ChannelEvent } from '../../../src/ports/channel-events.js';
import { WebhookEndpoint } from '../webhook-endpoint.js';
import { APP } from './app.js';
import type { NodeSettings } from './nodes.js';

/** All webhooks of a cluster: one receiver that every node posts to. */
export class WebhookLog {
  readonly events: ChannelEvent[] = [];
  /** How many were signed wrongly. */
  invalid = 0;

  private constructor(private readonly endpoint: WebhookEndpoint) {
    void this.#receive();
  }

  /** Listens until the test is over. */
  static async start(): Promise<WebhookLog> {
    return new WebhookLog(await WebhookEndpoint.start(APP));
  }

  /** The settings that make a node post here. */
  get settings(): NodeSettings {
    return { SOCKET_WEBHOOK_URLS: this.endpoint.url, SOCKET_WEBHOOK_PRIVATE_TARGETS: 'true' };
  }

  /** A presence channel's comings and goings, like `+ada` and `-ada`; sorted, because nodes post independently. */
  moves(channel: string): string[] {
    return this.events
      .flatMap((event) => {
        if (event.channel !== channel) return [];
        if (event.name === 'member_added') return [`+${event.user_id}`];
        return event.name === 'member_removed' ? [`-${event.user_id}`] : [];
      })
      .sort();
  }

  /** How often a channel was told to be occupied and to be vacated. */
  occupancy(channel: string): { occupied: number; vacated: number } {
    const count = (name: ChannelEvent['name']) =>
      this.events.filter((event) => event.channel === channel && event.name === name).length;
    return { occupied: count('channel_occupied'), vacated: count('channel_vacated') };
  }

  stop(): Promise<void> {
    return this.endpoint.stop();
  }

  async #receive(): Promise<void> {
    for (;;) {
      const { events, isValid } = await this.endpoint.next();
      if (!isValid) this.invalid++;
      this.events.push(...events);
    }
  }
}
