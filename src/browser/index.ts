import type { EventName, PayloadOf } from '../ports/event-map.js';
import type { AuthEndpoint, ClientConfig } from '../ports/client-config.js';
import { type PusherOptions, readConfig } from './client-config.js';
import { follow } from './follow.js';
import type { Emitter, PusherClass, PusherLike } from './pusher-like.js';
import { whenReady } from './when-ready.js';

export type * from '../ports/socket-events.js';
export type { EventName, PayloadOf, PusherClass, PusherLike };

/** Headers that say who the member is, or a function that is asked before every request (a token that gets renewed). */
export type HeadersSource = Record<string, string> | (() => Record<string, string>);

/** Where the backend is and who is calling. */
export interface ConnectOptions {
  /** The backend's address, like `https://api.example.com`. @default '' the page's own */
  readonly url?: string;
  /** Where `SocketModule` has its endpoints. @default '/socket' */
  readonly path?: string;
  readonly headers?: HeadersSource;
}

/** A member's connection. */
export interface SwitchboardSocket<P extends PusherLike> {
  /** Which provider this connection is on: the one in force when the backend was asked last. */
  readonly provider: ClientConfig['provider'];
  /** The `pusher-js` client underneath; everything it can do still works. */
  readonly pusher: P;
  /** Hears what is relayed to this member. The returned function stops it. */
  onMember<E extends EventName>(event: E, handler: (payload: PayloadOf<E>) => void): () => void;
  /** Hears what is broadcast to everybody. The returned function stops it. */
  onBroadcast<E extends EventName>(event: E, handler: (payload: PayloadOf<E>) => void): () => void;
  /** Subscribes to a channel, or hands back the subscription there is. */
  channel(name: string): ReturnType<P['subscribe']>;
  /** Ends the connection for good. */
  disconnect(): void;
}

/**
 * Connects to whichever provider the backend says, signs in and subscribes to the broadcast channel. Where the backend has
 * two, the connection moves to the other one, with its channels and handlers, when that is in force.
 *
 * @param Pusher the `pusher-js` class, handed in so that this helper brings no second copy
 * @returns once signed in and subscribed; from then on `pusher-js` reconnects by itself
 * @throws Error in readable words when the backend cannot be asked, refuses the signin, or the provider is not reached
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
    // The backend names a path on its own origin, which need not be the page's.
    endpoint: URL.canParse(url) ? new URL(auth.endpoint, url).href : auth.endpoint,
    headersProvider,
  });
  const optionsOf = ({ options }: ClientConfig<PusherOptions>) => ({
    ...options,
    channelAuthorization: withHeaders(options.channelAuthorization),
    userAuthentication: withHeaders(options.userAuthentication),
  });
  // The class was accepted whatever the type of its options; the backend made these for it.
  const pusher = new Pusher(config.key, optionsOf(config) as never);
  pusher.signin();
  const broadcasts = pusher.subscribe(config.broadcastChannel);
  await whenReady(pusher, broadcasts, config.broadcastChannel);
  const where = follow(pusher, config, ask, optionsOf);
  return {
    get provider() {
      return where().provider;
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
