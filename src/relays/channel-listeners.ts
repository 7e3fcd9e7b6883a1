import type {
  ChannelEvent,
  ChannelEventListener,
  ChannelEventName,
  ChannelEvents,
} from '../ports/channel-events.js';
import type { SocketLogger } from '../ports/logger.js';

/** Handles the channel events of one name. It may be async; the next event does not wait for it. */
export type ChannelListener<N extends ChannelEventName> = (event: ChannelEvents[N]) => unknown;

/** The source of channel events. */
export interface ChannelEventFeed {
  /** Calls the listener with every event, until the returned function is called. */
  listen(listener: ChannelEventListener): () => void;
}

/** The application's listeners to channel events. */
export class ChannelListeners {
  readonly #source: ChannelEventFeed;
  readonly #logger: SocketLogger;
  readonly #releases = new Set<() => void>();

  constructor(source: ChannelEventFeed, logger: SocketLogger) {
    this.#source = source;
    this.#logger = logger;
  }

  /** Calls the listener with every event of this name, until the returned function is called. */
  add<N extends ChannelEventName>(name: N, listener: ChannelListener<N>): () => void {
    const stop = this.#source.listen((event) => {
      if (isNamed(event, name)) this.#call(name, async () => listener(event));
    });
    const release = () => {
      stop();
      this.#releases.delete(release);
    };
    this.#releases.add(release);
    return release;
  }

  /** Removes all listeners. */
  release(): void {
    for (const release of this.#releases) release();
  }

  /** Calls at once. The call is an async function, so an error that is thrown is a rejection too. */
  #call(name: ChannelEventName, call: () => Promise<unknown>): void {
    call().catch((error: unknown) => {
      this.#logger.error(`A listener failed on the channel event ${name}: ${String(error)}`);
    });
  }
}

function isNamed<N extends ChannelEventName>(
  event: ChannelEvent,
  name: N,
): event is ChannelEvent & ChannelEvents[N] {
  return event.name === name;
}
