import type { ClientConfig } from '../../ports/client-config.js';
import type { Authorized } from '../authorization.js';
import type { Backend } from '../backend.js';
import { ConnectError } from '../connect-error.js';
import type { CheckedOptions } from '../options.js';
import type { PusherLike } from '../pusher-like.js';
import { fieldsOf, type HistoryAnswer, type Message } from './answer.js';
import { EnvelopedChannels, unwrapped } from './envelope.js';
import { intercept } from './intercept.js';
import { type GapReason, Keeper } from './keeper.js';
import { isOwn, ownChannelIn } from './own-channel.js';
import { type Position, positionIn, sinceIn, textOf } from './position.js';
import { Positions } from './positions.js';
import { safely } from './safely.js';

/**
 * Hears of events that the page has missed for good. The channel is `members` for the member's own channel, `broadcast` for the
 * broadcast channel, and otherwise the channel's name.
 */
export type GapHandler = (channel: string, reason: GapReason) => void;

/** The parts of the configuration in force that tell where positions are. */
type HistoryConfig = Pick<ClientConfig, 'history'>;

const LIVE = /^pusher(_internal)?:live$/;
const SUBSCRIBED = /^pusher(_internal)?:subscription_succeeded$/;
const OF_PROTOCOL = /^(pusher|pusher_internal|switchboard):/;
const CACHED = /^(private-|presence-|private-encrypted-)?cache-/;
/** The endpoint takes so many. */
const MOST_SOCKET_IDS = 20;

/**
 * The history of one client: every message goes through it on the way to the page. It keeps each channel with a log in the log's
 * order, over reconnects and loads of the page.
 */
export class History {
  readonly #pusher: PusherLike;
  /** The connection's own `emit`. */
  readonly #emit: (event: string, message: Message) => unknown;
  readonly #backend: Backend;
  readonly #timeoutMs: number;
  readonly #config: () => HistoryConfig;
  readonly #broadcastChannel: string;
  readonly #since: Map<string, Position>;
  readonly #positions: Positions | undefined;
  readonly #keepers = new Map<string, Keeper>();
  /** The channels that the page has left, and whose events may still be on their way. */
  readonly #left = new Set<string>();
  /** The channels whose refusals are heard of. */
  readonly #watched = new WeakSet<object>();
  readonly #gapHandlers = new Set<GapHandler>();
  /** The ids of this page's connections, the latest last. Events may be left out for them. */
  #socketIds: string[] = [];
  #isOpen = false;
  readonly #opened: Promise<void>;
  #open: () => void = () => undefined;
  /** The channels with envelopes on the present connection. */
  #enveloped: EnvelopedChannels | undefined;

  /**
   * Takes its place between a client that is not connected yet and the page.
   *
   * @param config the configuration in force
   */
  constructor(
    pusher: PusherLike,
    backend: Backend,
    options: Pick<CheckedOptions, 'base' | 'storage' | 'since' | 'timeoutMs' | 'requestTimeoutMs'>,
    config: () => HistoryConfig,
    broadcastChannel: string,
  ) {
    const { base, storage, since, timeoutMs, requestTimeoutMs } = options;
    this.#pusher = pusher;
    this.#backend = backend;
    this.#timeoutMs = timeoutMs;
    this.#config = config;
    this.#broadcastChannel = broadcastChannel;
    this.#since = new Map(since);
    this.#positions = storage && new Positions(storage, `switchboard:${base}:`, requestTimeoutMs);
    this.#opened = new Promise((resolve) => (this.#open = resolve));
    this.#emit = intercept(pusher.connection, (event, message, pass) => {
      if (event === 'message') this.#receive(message as Message, pass);
      else pass();
    });
    this.#listen();
  }

  /** Begins to hand on the events of channels with a log. Until then the page cannot have bound its handlers. */
  open(): void {
    this.#isOpen = true;
    this.#open();
  }

  /** Has a channel begin after a position, where the page is not on it yet. @throws ConnectError when it is no position */
  startAfter(channel: string, since: string): void {
    const position = sinceIn(since, `channel("${channel}", { since })`);
    if (this.#keepers.has(channel)) return;
    this.#since.set(channel, position);
    this.#keeperOf(channel);
  }

  /** A channel's live position, before the page subscribes to it. */
  readonly comesIn: Authorized = (position, channel) => {
    const at = positionIn(position);
    if (at !== undefined && channel !== '') this.#keeperOf(channel).comesIn(at);
  };

  /** Calls the handler with every gap, until the returned function is called. */
  onGap(handler: GapHandler): () => void {
    this.#gapHandlers.add(handler);
    return () => {
      this.#gapHandlers.delete(handler);
    };
  }

  #listen(): void {
    const pusher = this.#pusher;
    const { connection, user } = pusher;
    intercept(user, (event, data, pass) => {
      pass();
      if (event !== 'pusher:signin_error' || !isRefusal(data)) return;
      for (const [name, keeper] of this.#keepers) if (isOwn(name)) keeper.refused();
    });
    connection.bind('state_change', ({ current }: { current: string }) => {
      if (current === 'connected') {
        // The messages of a connection are as its own provider has sent them, whichever is in force meanwhile.
        const { history } = this.#config();
        this.#enveloped = history && new EnvelopedChannels(history.channels);
        return;
      }
      this.#left.clear();
      for (const keeper of this.#keepers.values()) keeper.cut();
    });
    const subscribe = pusher.subscribe.bind(pusher);
    pusher.subscribe = (name) => {
      const subscription = subscribe(name);
      this.#keeperOf(name);
      this.#watch(name);
      return subscription;
    };
    const unsubscribe = pusher.unsubscribe.bind(pusher);
    pusher.unsubscribe = (name) => {
      unsubscribe(name);
      this.#forget(name);
    };
  }

  #watch(name: string): void {
    const channel = this.#pusher.channel(name);
    if (channel === undefined || this.#watched.has(channel)) return;
    this.#watched.add(channel);
    intercept(channel, (event, data, pass) => {
      pass();
      if (event === 'pusher:subscription_error' && isRefusal(data)) this.#keepers.get(name)?.refused();
    });
  }

  #forget(name: string): void {
    const keeper = this.#keepers.get(name);
    if (keeper === undefined) return;
    this.#keepers.delete(name);
    if (keeper.isLive) this.#left.add(name);
    keeper.end();
  }

  #receive(message: Message, pass: () => void): void {
    const { event, channel, data } = message;
    this.#rememberSocketId();
    if (event === 'pusher:signin_success') {
      pass();
      const own = ownChannelIn(data);
      if (own !== '') this.#onSubscribed(own);
    } else if (channel === undefined) pass();
    else if (SUBSCRIBED.test(event)) {
      this.#left.delete(channel);
      pass();
      this.#onSubscribed(channel);
    } else if (this.#left.has(channel)) return;
    else if (LIVE.test(event)) this.#onLive(channel, data);
    else if (OF_PROTOCOL.test(event)) pass();
    else this.#onEvent(channel, message, pass);
  }

  #onSubscribed(channel: string): void {
    const keeper = isOwn(channel) ? this.#keeperOf(channel) : this.#keepers.get(channel);
    if (this.#isEnveloped(channel)) keeper?.liveSomewhere();
    else keeper?.subscribed();
  }

  #onLive(channel: string, data: unknown): void {
    const { position: text, follows } = fieldsOf(data);
    const position = positionIn(text);
    const keeper = isOwn(channel) ? this.#keeperOf(channel) : this.#keepers.get(channel);
    if (position !== undefined) keeper?.live(position, positionIn(follows));
  }

  #onEvent(channel: string, message: Message, pass: () => void): void {
    const keeper = this.#keepers.get(channel);
    if (keeper === undefined) pass();
    else if (this.#isEnveloped(channel)) {
      const { message: inner, position } = unwrapped(message);
      keeper.event(inner, position);
    } else keeper.event(message);
  }

  #keeperOf(channel: string): Keeper {
    const known = this.#keepers.get(channel);
    if (known !== undefined) return known;
    const keeper = new Keeper({
      isCached: CACHED.test(channel),
      timeoutMs: this.#timeoutMs,
      ask: (from, signal) => this.#ask(channel, from, signal),
      hand: (message) => this.#emit('message', message),
      tellGap: (reason) => {
        this.#tellGap(this.#wordFor(channel), reason);
      },
      save: (position) => this.#positions?.write(channel, position),
    });
    this.#keepers.set(channel, keeper);
    const start = this.#startOf(channel);
    if (this.#isOpen && !(start instanceof Promise)) keeper.open(start);
    else
      void Promise.all([start, this.#opened]).then(([position]) => {
        keeper.open(position);
      });
    return keeper;
  }

  /** Where the page wants to begin, or has left. Each wish is for one subscription. */
  #startOf(channel: string): Position | undefined | Promise<Position | undefined> {
    for (const name of [channel, this.#wordFor(channel)]) {
      const position = this.#since.get(name);
      this.#since.delete(name);
      if (position !== undefined) return position;
    }
    return this.#positions?.read(channel);
  }

  async #ask(channel: string, from: Position | undefined, signal: AbortSignal): Promise<HistoryAnswer> {
    const answer = await this.#backend.history(
      channel,
      from === undefined ? 'live' : textOf(from),
      this.#socketIds.join(','),
      signal,
    );
    if ('gap' in answer || !this.#isEnveloped(channel)) return answer;
    const events = answer.events.map((event) => ({ ...event, message: unwrapped(event.message).message }));
    return { ...answer, events };
  }

  #tellGap(channel: string, reason: GapReason): void {
    if (this.#gapHandlers.size === 0)
      // eslint-disable-next-line no-console -- the page shows something old now, and does not know it
      console.warn(
        `nestjs-switchboard: this page has missed events of "${channel}" for good (${reason}). Load its state again; socket.onGap(handler) tells when`,
      );
    for (const handler of [...this.#gapHandlers])
      safely(() => {
        handler(channel, reason);
      });
  }

  #isEnveloped(channel: string): boolean {
    const channels = this.#enveloped;
    return channels !== undefined && (channels.has(channel) || channels.has(this.#wordFor(channel)));
  }

  /** The name that pages have for a channel. */
  #wordFor(channel: string): string {
    if (isOwn(channel)) return 'members';
    return channel === this.#broadcastChannel ? 'broadcast' : channel;
  }

  #rememberSocketId(): void {
    const { socket_id: id } = this.#pusher.connection;
    if (id !== '' && this.#socketIds[this.#socketIds.length - 1] !== id)
      this.#socketIds = [...this.#socketIds, id].slice(-MOST_SOCKET_IDS);
  }
}

/** Whether the data of an error says that the member is not admitted; a failure can pass. */
function isRefusal(data: unknown): boolean {
  const { cause, status } = fieldsOf(data);
  if (cause instanceof ConnectError)
    return cause.code === 'SUBSCRIPTION_REFUSED' || cause.code === 'SIGNIN_REFUSED';
  return status === 401 || status === 403;
}
