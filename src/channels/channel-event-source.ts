import type { ChannelEvent, ChannelEventListener } from '../ports/channel-events.js';
import type { SocketLogger } from '../ports/logger.js';

/**
 * The source of channel events for their listeners: the application and the webhooks.
 *
 * Listeners are called in the order of the events, in a microtask after the engine's current work: a listener may itself
 * disconnect a member or send a relay, and must not find the engine in the middle of a change.
 */
export class ChannelEventSource {
  readonly #logger: SocketLogger;
  readonly #listeners = new Set<ChannelEventListener>();
  #pending: ChannelEvent[] = [];

  constructor(logger: SocketLogger) {
    this.#logger = logger;
  }

  /** Calls the listener with every event from now on, in order; the returned function removes it. */
  listen(listener: ChannelEventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Calls every listener with the event, in a microtask. */
  emit(event: ChannelEvent): void {
    if (this.#listeners.size === 0) return;
    if (this.#pending.push(event) === 1) {
      queueMicrotask(() => {
        this.flush();
      });
    }
  }

  /** Calls the listeners with the pending events at once: the listeners are closed next. */
  flush(): void {
    const events = this.#pending;
    this.#pending = [];
    for (const event of events) for (const listener of this.#listeners) this.#notify(listener, event);
  }

  /** Logs what a listener throws, so that the other listeners are called all the same. */
  #notify(listener: ChannelEventListener, event: ChannelEvent): void {
    try {
      listener(event);
    } catch (error) {
      this.#logger.error(`A listener failed on the channel event ${event.name}: ${String(error)}`);
    }
  }
}
