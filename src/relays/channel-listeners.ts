import type {
  ChannelEvent,
  ChannelEventListener,
  ChannelEventName,
  ChannelEvents,
} from '../ports/channel-events.js';
import type { SocketLogger } from '../ports/logger.js';

/** Hears one kind of channel event. It may be async; nobody waits for it. */
export type ChannelListener<N extends ChannelEventName> = (event: ChannelEvents[N]) => unknown;

/** Where channel events come from. The function that is returned stops it. */
export interface ChannelEventFeed {
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

  /** Calls back from now on; the returned function stops it. */
  add<N extends ChannelEventName>(name: N, listener: ChannelListener<N>): () => void {
    const stop = this.#source.listen((event) => {
      if (isNamed(event, name)) this.#tell(name, async () => listener(event));
    });
    const release = () => {
      stop();
      this.#releases.delete(release);
    };
    this.#releases.add(release);
    return release;
  }

  /** Stops them all. */
  release(): void {
    for (const release of this.#releases) release();
  }

  /** Calls at once. An async function turns what is thrown into a rejection, so there is one way to fail. */
  #tell(name: ChannelEventName, call: () => Promise<unknown>): void {
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
