import type { ClientConfig } from '../../ports/client-config.js';
import { ConnectError } from '../connect-error.js';
import type { CheckedOptions } from '../options.js';
import type { PusherLike } from '../pusher-like.js';
import { pauseMs } from '../retried.js';
import { PusherEmitter } from './emitter.js';
import { SocketIoChannel } from './socket-io-channel.js';
import type { SocketIoFunction, SocketIoLike } from './socket-io-like.js';

/** The options of `io(url, options)`, as the backend sends them. */
export interface SocketIoOptions {
  readonly url: string;
  readonly path: string;
  readonly transports: readonly string[];
}

/** An error of `connect_error`: with `data` where the gateway has refused the connection. */
interface HandshakeError {
  readonly message: string;
  readonly data?: { readonly code?: unknown; readonly status?: unknown };
}

/** A message as the connection tells it to its handlers. */
interface SocketIoMessage {
  readonly event: string;
  readonly channel?: string;
  readonly data: unknown;
  /** The sender of a client event. */
  readonly user_id?: string;
}

const OWN_CHANNEL_PREFIX = '#server-to-user-';

class Connection extends PusherEmitter {
  state = 'connecting';
  socket_id = '';
  usingTLS = false;
}

class User extends PusherEmitter {
  signin_requested = false;
  user_data: unknown = null;
  readonly watchlist = new PusherEmitter();
}

/** A connection with `socket.io-client`, with the parts of `pusher-js` that pages and this helper use. */
export class SocketIoClient<S extends SocketIoLike = SocketIoLike> implements PusherLike {
  readonly connection = new Connection();
  readonly user = new User();
  /** The socket of `socket.io-client` underneath. All its methods work as usual. */
  readonly io: S;
  readonly #options: CheckedOptions;
  readonly #url: string;
  readonly #broadcastChannel: string;
  readonly #channels = new Map<string, SocketIoChannel>();
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** The latest failure that is being tried again. */
  failure: ConnectError | undefined;

  constructor(io: SocketIoFunction<S>, config: ClientConfig<SocketIoOptions>, options: CheckedOptions) {
    const { url, path, transports } = config.options;
    this.#options = options;
    this.#url = url + path;
    this.#broadcastChannel = config.broadcastChannel;
    this.connection.usingTLS = url.startsWith('https:');
    const settings = {
      path,
      transports: [...transports],
      autoConnect: false,
      forceNew: true,
      withCredentials: options.credentials === 'include',
      auth: (give: (auth: object) => void) => void this.#giveAuth(give),
    };
    // `SocketIoFunction` accepts any type of options, hence `never`.
    this.io = io(url, settings as never);
    // Before every handler of the page: a channel knows of its subscription before those who listen to the connection do.
    this.connection.bind('message', (message: SocketIoMessage) => {
      this.#dispatch(message);
    });
    this.#listen();
  }

  /** Begins to connect. */
  start(): void {
    this.io.connect();
  }

  channel(name: string): SocketIoChannel | undefined {
    return this.#channels.get(name);
  }

  allChannels(): SocketIoChannel[] {
    return [...this.#channels.values()];
  }

  subscribe(name: string): SocketIoChannel {
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    const channel = new SocketIoChannel(name, this.io);
    this.#channels.set(name, channel);
    if (this.io.connected && name !== this.#broadcastChannel) channel.subscribe();
    return channel;
  }

  unsubscribe(name: string): void {
    if (this.#channels.delete(name) && this.io.connected) this.io.emit('unsubscribe', name);
  }

  /** Sends an event as it is. @returns whether there is a connection that it could be sent on */
  send_event(event: string, data: unknown, channel?: string): boolean {
    if (!this.io.connected) return false;
    this.io.emit(event, data, channel);
    return true;
  }

  /** Signs in with the next handshake; on a guest's connection at once. */
  signin(): void {
    if (this.user.signin_requested) return;
    this.user.signin_requested = true;
    if (!this.io.connected) return;
    void this.#giveAuth((auth) => {
      this.io.emit('signin', auth, (reply: { ok: boolean; code?: unknown; message?: string }) => {
        if (!reply.ok) this.#refuse(String(reply.message), typeof reply.code === 'string' ? 403 : undefined);
      });
    });
  }

  connect(): void {
    if (this.io.active || this.#retry !== undefined) return;
    this.#is('connecting');
    this.io.connect();
  }

  disconnect(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.io.disconnect();
    this.#is('disconnected');
  }

  #listen(): void {
    this.io.on('connect', () => {
      this.#failures = 0;
      this.failure = undefined;
      this.#is('connected');
      for (const channel of this.#channels.values())
        if (channel.name !== this.#broadcastChannel) channel.subscribe();
    });
    this.io.on('disconnect', () => {
      this.user.user_data = null;
      for (const channel of this.#channels.values()) channel.subscribed = false;
      this.#is(this.io.active ? 'connecting' : 'disconnected');
    });
    this.io.on('connect_error', (error: HandshakeError) => {
      if (this.io.active) {
        this.connection.emit('error', error);
        this.#is('unavailable');
      } else this.#onRefused(error);
    });
    this.io.onAny((event: string, data: unknown, channel?: string, userId?: string) => {
      this.#receive(event, data, channel, userId);
    });
  }

  #receive(event: string, data: unknown, name: string | undefined, userId: string | undefined): void {
    const fields = Object(data) as Record<string, unknown>;
    if (event === 'pusher:connection_established') this.connection.socket_id = String(fields['socket_id']);
    if (event === 'pusher:signin_success') this.user.user_data = JSON.parse(String(fields['user_data']));
    if (event === 'pusher:error') this.connection.emit('error', { type: 'PusherError', data });
    if (event === 'pusher:closing')
      this.connection.emit('error', {
        type: 'PusherError',
        data: { code: fields['code'], message: fields['reason'] },
      });
    if (event === 'pusher:watchlist_events')
      for (const change of (fields['events'] ?? []) as readonly { name: string }[])
        this.user.watchlist.emit(change.name, change);
    // The member's own events come without a channel.
    const isMembers = name === undefined && (event === 'pusher:live' || !event.startsWith('pusher:'));
    const channel = isMembers ? `${OWN_CHANNEL_PREFIX}${this.#myId ?? ''}` : name;
    this.connection.emit('message', { event, channel, data, user_id: userId });
  }

  /** Hands a message to the member's handlers, or to those of its channel. */
  #dispatch({ event, channel, data, user_id: userId }: SocketIoMessage): void {
    if (channel?.startsWith(OWN_CHANNEL_PREFIX) === true || event === 'pusher:signin_success')
      this.user.emit(event, data);
    else if (channel !== undefined) this.#channels.get(channel)?.receive(event, data, userId, this.#myId);
  }

  get #myId(): string | null {
    const { id, member } = Object(this.user.user_data) as { id?: string; member?: { id?: string } };
    return member?.id ?? id ?? null;
  }

  #is(state: string): void {
    const previous = this.connection.state;
    if (previous === state) return;
    this.connection.state = state;
    this.connection.emit('state_change', { previous, current: state });
    this.connection.emit(state);
  }

  /** The gateway has refused the handshake, after which `socket.io-client` does not try again by itself. */
  #onRefused({ message, data }: HandshakeError): void {
    const status = typeof data?.status === 'number' ? data.status : undefined;
    const isPassing = status === undefined ? data?.code === 4301 : status === 429 || status >= 500;
    if (!isPassing) {
      this.#refuse(message, status);
      this.#is('disconnected');
      return;
    }
    const said = { url: this.#url, status, reason: message, retryable: true };
    this.failure = new ConnectError('BACKEND_FAILED', `${this.#url} answered: ${message}`, said);
    this.#is('unavailable');
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.io.connect();
    }, pauseMs(++this.#failures));
  }

  #refuse(reason: string, status: number | undefined): void {
    const remedy =
      'Did the handshake carry the member’s token or cookie (`headers`, `credentials`), and is it still valid? A visitor who is nobody yet connects with `guest: true`';
    const said = `The signin was refused: ${this.#url} answered: ${reason.replace(/\.$/, '')}. ${remedy}`;
    const cause = new ConnectError('SIGNIN_REFUSED', said, { url: this.#url, status, reason });
    this.user.emit('pusher:signin_error', { type: 'AuthError', error: said, status, cause });
  }

  /** Gives the headers of the application, renewed, for a handshake or a signin. A function that fails is asked again. */
  async #giveAuth(give: (auth: object) => void): Promise<void> {
    const { headers } = this.#options;
    if (!this.user.signin_requested) {
      give({ guest: true });
      return;
    }
    for (let failures = 1; ; failures++) {
      try {
        give({ headers: typeof headers === 'function' ? await headers() : headers });
        return;
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        this.failure = new ConnectError('HEADERS_FAILED', `headers() failed: ${reason}`, {
          ...{ url: this.#url, retryable: true, cause },
        });
        await new Promise<void>((resolve) => setTimeout(resolve, pauseMs(failures)));
        if (this.connection.state === 'disconnected') return;
      }
    }
  }
}
