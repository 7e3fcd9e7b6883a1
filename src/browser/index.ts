import type { AuthEndpoint, ClientConfig } from '../ports/client-config.js';
import type { EventName, PayloadOf } from '../ports/event-map.js';
import { type PusherOptions, readConfig } from './client-config.js';
import { follow } from './follow.js';
import type { Emitter, PusherClass, PusherLike } from './pusher-like.js';
import { restoreWatchedIds } from './watched-ids.js';
import { whenReady } from './when-ready.js';

export type * from '../ports/browser-events.js';
export type { EventName, PayloadOf, PusherClass, PusherLike };

/** Headers that identify the member, or a function that returns them before every request, for a token that is renewed. */
export type HeadersSource = Record<string, string> | (() => Record<string, string>);

/** The options of {@link connect}. */
export interface ConnectOptions {
  /** The backend's address, like `https://api.example.com`. @default '' (the page's own) */
  readonly url?: string;
  /** The path of the endpoints of `SocketModule`. @default '/socket' */
  readonly path?: string;
  /** The headers of every request to the backend. @default {} */
  readonly headers?: HeadersSource;
}

/** A member's connection. */
export interface SwitchboardSocket<P extends PusherLike> {
  /** The name of the provider of this connection: the one in force when the backend was asked last. */
  readonly provider: ClientConfig['provider'];
  /** The `pusher-js` client underneath. All its methods work as usual. */
  readonly pusher: P;
  /** Calls the handler with every such event to this member, until the returned function is called. */
  onMember<E extends EventName>(event: E, handler: (payload: PayloadOf<E>) => void): () => void;
  /** Calls the handler with every such event that is broadcast, until the returned function is called. */
  onBroadcast<E extends EventName>(event: E, handler: (payload: PayloadOf<E>) => void): () => void;
  /** Subscribes to a channel, or returns its present subscription. */
  channel(name: string): ReturnType<P['subscribe']>;
  /** Ends the connection for good. */
  disconnect(): void;
}

/**
 * Connects to the provider that the backend names, signs in and subscribes to the broadcast channel. Where the backend has two
 * providers, the connection moves to the other one, with its channels and handlers, when that one is in force.
 *
 * @param Pusher the application's own `pusher-js` class, so that this helper brings no second copy
 * @returns the connection, once it is signed in and subscribed; from then on `pusher-js` reconnects by itself
 * @throws Error with a readable message when the backend cannot be reached or refuses the signin, or when the provider cannot
 * be reached
 */
export async function connect<P extends PusherLike>(
  Pusher: PusherClass<P>,
  { url = '', path = '/socket', headers = {} }: ConnectOptions = {},
): Promise<SwitchboardSocket<P>> {
  const headersProvider = typeof headers === 'function' ? headers : () => headers;
  const ask = () => readConfig(`${url.replace(/\/+$/, '')}${path}/config`, headersProvider());
  const config = await ask();
  const withHeaders = (auth: AuthEndpoint) => ({
    ...auth,
    // The backend answers with a path on its own origin, which may differ from the page's.
    endpoint: URL.canParse(url) ? new URL(auth.endpoint, url).href : auth.endpoint,
    headersProvider,
  });
  const optionsOf = ({ options }: ClientConfig<PusherOptions>) => ({
    ...options,
    channelAuthorization: withHeaders(options.channelAuthorization),
    userAuthentication: withHeaders(options.userAuthentication),
  });
  // `PusherClass` accepts any type of options, hence `never`. The backend made these for `pusher-js`.
  const pusher = new Pusher(config.key, optionsOf(config) as never);
  restoreWatchedIds(pusher);
  pusher.signin();
  const broadcasts = pusher.subscribe(config.broadcastChannel);
  await whenReady(pusher, broadcasts, config.broadcastChannel);
  const currentConfig = follow(pusher, config, ask, optionsOf);
  return {
    get provider() {
      return currentConfig().provider;
    },
    pusher,
    onMember: (event, handler) => listen(pusher.user, event, handler),
    onBroadcast: (event, handler) => listen(broadcasts, event, handler),
    channel: (name) => pusher.subscribe(name) as ReturnType<P['subscribe']>,
    disconnect: () => {
      pusher.disconnect();
    },
  };
}

function listen(emitter: Emitter, event: string, handler: (payload: never) => void): () => void {
  emitter.bind(event, handler);
  return () => {
    emitter.unbind(event, handler);
  };
}
