import { inject, injectable } from 'inversify';
import type { ChannelEvent, ChannelEventListener } from '../ports/channel-events.js';
import { LOGGER, type SocketLogger } from '../ports/logger.js';

/** Where the facts about channels come out, for whoever listens: the application, the webhooks. */
@injectable()
export class ChannelEventSource {
  readonly #listeners = new Set<ChannelEventListener>();

  constructor(@inject(LOGGER) private readonly logger: SocketLogger) {}

  /** Calls back with every event from now on, at once and in order; the returned function stops it. */
  listen(listener: ChannelEventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Tells every listener. One that throws is logged and hinders nobody. */
  emit(event: ChannelEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.logger.error(`A listener failed on the channel event ${event.name}: ${String(error)}`);
      }
    }
  }
}
