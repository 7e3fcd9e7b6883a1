import type { ClientConfig } from '../ports/client-config.js';
import type { EventName, PayloadOf } from '../ports/event-map.js';
import { backendAt } from './backend.js';
import { ConnectError } from './connect-error.js';
import { type GapHandler, History } from './history/history.js';
import { clientOfPusher, clientOfSocketIo } from './made-client.js';
import { MessageError, type SendErrorCode } from './message-error.js';
import { type AnswerMaker, type AskOptions, Messages, type SendOptions } from './messages.js';
import { checked, type ConnectOptions } from './options.js';
import type { Emitter, PusherClass, PusherLike } from './pusher-like.js';
import { abortReason } from './retried.js';
import type { SocketIoClient } from './socket-io/socket-io-client.js';
import { isSocketIo, type SocketIoFunction, type SocketIoLike } from './socket-io/socket-io-like.js';
import { whenReady } from './when-ready.js';

export type * from '../ports/browser-events.js';
export type { Refusal } from './authorization.js';
export type { ConnectErrorCode, ConnectFailure } from './connect-error.js';
export type { GapReason } from './history/keeper.js';
export type { PositionStorage } from './history/positions.js';
export type { ConnectOptions, HeadersSource } from './options.js';
export type { AnswerMaker, AskOptions, GapHandler, SendErrorCode, SendOptions };
export type { EventName, PayloadOf, PusherClass, PusherLike, SocketIoClient, SocketIoFunction, SocketIoLike };
export { ConnectError, MessageError };

/** The options of `socket.channel`. */
export interface ChannelOptions {
  /**
   * The position that an answer of the backend carried: the page gets every event after it. Has no effect while the page is on the
   * channel already. @default undefined, where the page has left the channel with `storage`, or else what is live
   */
  readonly since?: string | undefined;
}

/** The connection of a member, or of a guest. */
export interface SwitchboardSocket<P extends PusherLike> {
  /** The name of the provider of this connection: the one in force when the backend was asked last. */
  readonly provider: ClientConfig['provider'];
  /** The `pusher-js` client underneath. All its methods work as usual. */
  readonly pusher: P;
  /** Calls the handler with every such event to this member, until the returned function is called. */
  onMember<E extends EventName>(event: E, handler: (payload: PayloadOf<E>) => void): () => void;
  /** Calls the handler with every such event that is broadcast, until the returned function is called. */
  onBroadcast<E extends EventName>(event: E, handler: (payload: PayloadOf<E>) => void): () => void;
  /**
   * Subscribes to a channel, or returns its present subscription.
   *
   * @throws ConnectError when `since` is no position
   */
  channel(name: string, options?: ChannelOptions): ReturnType<P['subscribe']>;
  /**
   * Calls the handler when the page has missed events of a channel for good, before newer ones, until the returned function is called.
   * Without a handler the console is warned.
   */
  onGap(handler: GapHandler): () => void;
  /**
   * Sends a message to the backend's handlers, which do not answer it. A refusal is an `error` of `pusher.connection`, with a code from
   * 4301 to 4303. On `pusher` it needs a channel, whose other subscribers get it too.
   *
   * @throws MessageError when it cannot be sent
   */
  send(event: string, payload?: unknown, options?: SendOptions): void;
  /**
   * Asks the backend's handlers, and resolves with the handler's answer.
   *
   * @throws MessageError when the message is refused, when the handler fails, when no answer comes within `timeoutMs`, and on `pusher`,
   * which carries no answers
   */
  ask(event: string, payload?: unknown, options?: AskOptions): Promise<unknown>;
  /**
   * Answers what the backend asks the member with `askMember`, until the returned function is called. `make` may return a promise. An
   * error that it throws tells the backend that this page cannot answer. A second one for the same event takes the place of the first.
   */
  answer(event: string, make: AnswerMaker): () => void;
  /**
   * Signs a guest in, or a member whose signin was refused, on the same connection. A guest whose signin is refused stays a guest.
   *
   * @throws ConnectError when the signin is refused, when it does not succeed within `timeoutMs` (it is tried again all the
   * same), and when the connection has a member already: another member needs another connection
   */
  signIn(): Promise<void>;
  /** Ends the connection for good. */
  disconnect(): void;
}

/**
 * Connects to the provider that the backend names, signs in and subscribes to the broadcast channel. Where the backend has two
 * providers, the connection moves to the other one, with its channels and handlers, when that one is in force.
 *
 * A failure that can pass is tried again until `timeoutMs` is over: nobody can be reached, no answer comes, the backend answers
 * 408, 425, 429 or 5xx. A connection that is lost afterwards is tried again, at random moments, until there is one.
 *
 * @param Pusher the application's own `pusher-js` class, so that this helper brings no second copy
 * @returns the connection, once it is signed in (unless as a guest) and subscribed
 * @throws ConnectError that says where, why and what to do; or the reason of the `signal`
 */
export function connect<P extends PusherLike>(
  Pusher: PusherClass<P>,
  options?: ConnectOptions,
): Promise<SwitchboardSocket<P>>;
/**
 * The same with `socket.io-client`, for the provider `socket-io`: `pusher` is a client with the methods of `pusher-js` that pages use,
 * and `pusher.io` the socket underneath.
 *
 * @param io the function of the application's own `socket.io-client`
 */
export function connect<S extends SocketIoLike>(
  io: SocketIoFunction<S>,
  options?: ConnectOptions,
): Promise<SwitchboardSocket<SocketIoClient<S>>>;
export async function connect(
  client: PusherClass<PusherLike> | SocketIoFunction<SocketIoLike>,
  options: ConnectOptions = {},
): Promise<SwitchboardSocket<PusherLike>> {
  const all = checked(options);
  const { signal, timeoutMs, guest } = all;
  const make = isSocketIo(client) ? clientOfSocketIo(client) : clientOfPusher(classIn(client));
  if (signal?.aborted === true) throw abortReason(signal);
  const until = Date.now() + timeoutMs;
  // Requests need a signal; without the application's, nothing aborts this one.
  const made = await make(all, signal ?? new AbortController().signal, (position, channel) => {
    history.comesIn(position, channel);
  });
  const { pusher, broadcastChannel } = made;
  const history = new History(pusher, backendAt(all), all, made.config, broadcastChannel);
  history.comesIn(made.config().history?.position, broadcastChannel);
  const disconnect = () => {
    signal?.removeEventListener('abort', disconnect);
    pusher.disconnect();
  };
  signal?.addEventListener('abort', disconnect);
  if (!guest) pusher.signin();
  const broadcasts = pusher.subscribe(broadcastChannel);
  made.start();
  const messages = new Messages(pusher, made.config);
  const ready = (signsIn: boolean, remainingMs: number, channel?: Emitter) =>
    whenReady(pusher, {
      signsIn,
      ...(channel !== undefined && { channel }),
      remainingMs,
      timeoutMs,
      signal,
      gatewayUrl: made.gatewayUrl,
      failure: made.failure,
    });
  try {
    await ready(!guest, timeoutMs === 0 ? 0 : Math.max(1, until - Date.now()), broadcasts);
  } catch (error) {
    disconnect();
    throw error;
  }
  // The page binds its handlers in the turn in which it gets the connection.
  setTimeout(() => {
    history.open();
  }, 0);

  let isGuest = guest;
  let signin: Promise<void> | undefined;
  const signIn = async () => {
    if (pusher.user.user_data !== null)
      throw new ConnectError(
        'ALREADY_SIGNED_IN',
        'This connection is signed in already. For another member, disconnect() it and connect() again',
      );
    // `pusher-js` asks once for each connection, unless it is made to forget that it did.
    pusher.user.signin_requested = false;
    pusher.signin();
    try {
      await ready(true, timeoutMs);
      isGuest = false;
    } catch (error) {
      if (isGuest && !(error instanceof ConnectError && error.retryable))
        pusher.user.signin_requested = false;
      throw error;
    } finally {
      signin = undefined;
    }
  };
  return {
    get provider() {
      return made.config().provider;
    },
    pusher,
    onMember: (event, handler) => listen(pusher.user, event, handler),
    onBroadcast: (event, handler) => listen(broadcasts, event, handler),
    channel: (name, { since } = {}) => {
      if (since !== undefined) history.startAfter(name, since);
      return pusher.subscribe(name);
    },
    onGap: (handler) => history.onGap(handler),
    send: (event, payload, options = {}) => {
      messages.send(event, payload, options);
    },
    ask: (event, payload, options = {}) => messages.ask(event, payload, options),
    answer: (event, make) => messages.answer(event, make),
    signIn: () => (signin = signin ?? signIn()),
    disconnect,
  };
}

function classIn<P extends PusherLike>(Pusher: PusherClass<P>): new (key: string, options: never) => P {
  const found: unknown =
    typeof Pusher === 'function' ? Pusher : (Pusher as { default?: unknown } | undefined)?.default;
  if (typeof found === 'function') return found as new (key: string, options: never) => P;
  throw new ConnectError(
    'INVALID_OPTION',
    'connect(Pusher): the first argument must be the class of pusher-js, as in `import Pusher from "pusher-js"`',
  );
}

function listen(emitter: Emitter, event: string, handler: (payload: never) => void): () => void {
  emitter.bind(event, handler);
  return () => {
    emitter.unbind(event, handler);
  };
}
