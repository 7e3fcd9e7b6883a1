import { inject, injectable } from 'inversify';
import type { ChannelEvent, ChannelEventListener } from '../ports/channel-events.js';
import { LOGGER, type SocketLogger } from '../ports/logger.js';

/**
 * Where the facts about channels come out, for whoever listens: the application, the webhooks.
 *
 * They are told in order, and only after what the engine is doing is done: a listener may itself disconnect a member or
 * send a relay, and must find the engine as it will be.
 */
@injectable()
export class ChannelEventSource {
  readonly #logger: SocketLogger;
  readonly #listeners = new Set<ChannelEventListener>();
  #waiting: ChannelEvent[] = [];

  constructor(@inject(LOGGER) logger: SocketLogger) {
    this.#logger = logger;
  }

  /** Calls back with every event from now on, in order; the returned function stops it. */
  listen(listener: ChannelEventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Tells every listener, as soon as the current turn's work is done. */
  emit(event: ChannelEvent): void {
    if (this.#listeners.size === 0) return;
    if (this.#waiting.push(event) === 1) {
      queueMicrotask(() => {
        this.flush();
      });
    }
  }

  /** Tells at once what waits to be told: before whoever listens is closed. */
  flush(): void {
    const events = this.#waiting;
    this.#waiting = [];
    for (const event of events) for (const listener of this.#listeners) this.#tell(listener, event);
  }

  /** A listener that throws is logged and hinders nobody. */
  #tell(listener: ChannelEventListener, event: ChannelEvent): void {
    try {
      listener(event);
    } catch (error) {
      this.#logger.error(`A listener failed on the channel event ${event.name}: ${String(error)}`);
    }
  }
}
