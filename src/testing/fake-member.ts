import type { MemoryConnection, ReceivedFrame } from '../adapters/memory/memory-connection.js';
import type { ChannelAuthorization } from '../modules/socket/authorization/channel-authorization.js';
import { kindOf } from '../ports/arguments.js';
import type { Identity, PresenceMember } from '../ports/authorization.js';
import { messageOf } from '../ports/errors.js';
import type { HistoryReader } from '../ports/history.js';
import { Payload } from '../ports/payload.js';
import { channelType } from '../protocol/channel-name.js';
import { decoded, opened } from '../protocol/encryption.js';
import { MESSAGE_FRAMES } from '../protocol/message-frames.js';
import { CatchUp, type FakeGap } from './catch-up.js';
import { channelOf, FakeMessageError, type FakeMessageOptions } from './fake-message.js';
import { rosterIn } from './roster.js';
import { requireText } from './test-arguments.js';

/** An event as a handler in the member's browser gets it. */
export interface ReceivedEvent {
  readonly event: string;
  /** Deep-equal to `JSON.parse(JSON.stringify(payload))`; `undefined` when there was none. */
  readonly payload: unknown;
  /** The channel that it was sent on. */
  readonly channel: string | undefined;
  /** The id of the member who sent it; only client events of presence channels have one. */
  readonly userId: string | undefined;
}

/** The parts of the fake provider that a browser is on. */
export interface FakeProvider {
  readonly history: HistoryReader | undefined;
  /** Opens a connection. */
  connect(): MemoryConnection;
}

/** A member's browser, in memory: signed in, and subscribed to the broadcast channel. `SocketFake.connect` makes it. */
export class FakeMember {
  readonly #provider: FakeProvider;
  readonly #authorization: ChannelAuthorization;
  /** The keys of the encrypted channels that it is subscribed to. */
  readonly #secrets = new Map<string, Buffer>();
  /** The channels to subscribe to again after a loss of the connection. */
  readonly #channels = new Set<string>();
  readonly #catchUp: CatchUp;
  #connection: MemoryConnection;
  #hasLeft = false;
  /** The answers to `askMember`, by event. */
  readonly #answers = new Map<string, (payload: unknown) => unknown>();
  /** The events that reached the browser's handlers, the oldest first. Events of the protocol itself are not among them. */
  readonly received: ReceivedEvent[] = [];
  /** The channels that `removeFromChannel` has taken this browser out of, the oldest first. */
  readonly removedFrom: string[] = [];

  constructor(
    /** The member that this browser is signed in as. */
    readonly identity: Identity,
    provider: FakeProvider,
    authorization: ChannelAuthorization,
  ) {
    this.#provider = provider;
    this.#authorization = authorization;
    this.#catchUp = new CatchUp(provider.history, (frame) => {
      this.#hand(frame);
    });
    this.#connection = this.#connect();
  }

  /** The events that it has missed for good, the oldest first: what a page is told with `socket.onGap`. */
  get gaps(): readonly FakeGap[] {
    return this.#catchUp.gaps;
  }

  /** The member's id. */
  get id(): string {
    return this.identity.id;
  }

  /** The connection's Pusher socket id, for `exceptSocketId`. */
  get socketId(): string {
    return this.#connection.id;
  }

  /** Whether the connection is open. */
  get isConnected(): boolean {
    return this.#connection.isOpen;
  }

  /**
   * The code that the server closed the connection with (4009: the client must not reconnect); `undefined` while it is open,
   * and after `disconnect()`.
   */
  get closeCode(): number | undefined {
    return this.#connection.closeCode;
  }

  /**
   * Subscribes as a browser does: with the application's own authorizer, the signature and the engine.
   *
   * @throws Error when the authorizer or the engine refuses; the message is a sentence
   */
  async subscribe(channel: string): Promise<void> {
    requireText('subscribe(channel): channel', channel);
    if (await this.#join(channel)) this.#channels.add(channel);
    else
      throw new Error(`"${this.id}" could not subscribe to "${channel}": no authorizer admits this member`);
  }

  /** Leaves a channel. @throws Error when the connection is closed */
  unsubscribe(channel: string): void {
    requireText('unsubscribe(channel): channel', channel);
    this.#send('pusher:unsubscribe', { channel }, `"${this.id}" could not leave "${channel}"`);
    this.#channels.delete(channel);
    this.#catchUp.left(channel);
  }

  /**
   * Sends a client event (`client-…`) to the channel's other subscribers.
   *
   * @throws Error when the engine refuses it; the message is a sentence
   */
  trigger(channel: string, event: string, payload?: unknown): void {
    requireText('trigger(channel, event): channel', channel);
    requireText('trigger(channel, event): event', event);
    this.#send(event, payload, `"${this.id}" could not send "${event}" to "${channel}"`, channel);
  }

  /**
   * Sends a message to the application, as `socket.send` of the browser helper does. Resolves when its handler has ended.
   *
   * @throws FakeMessageError when the message is refused, or the handler fails
   */
  async send(event: string, payload?: unknown, options: FakeMessageOptions = {}): Promise<void> {
    requireText('send(event): event', event);
    await this.#message(event, payload, channelOf(options), false);
  }

  /**
   * Asks the application, as `socket.ask` does. Resolves with the handler's answer, as JSON carries it.
   *
   * @throws FakeMessageError when the message is refused, or the handler fails
   */
  async ask(event: string, payload?: unknown, options: FakeMessageOptions = {}): Promise<unknown> {
    requireText('ask(event): event', event);
    return this.#message(event, payload, channelOf(options), true);
  }

  /**
   * Answers what the application asks with `askMember`, as `socket.answer` does, until the returned function is called. An error
   * that the function throws is the answer too.
   */
  answers(event: string, answer: (payload: unknown) => unknown): () => void {
    requireText('answers(event, answer): event', event);
    if (typeof answer !== 'function')
      throw new TypeError(`answers(event, answer): answer must be a function; it is ${kindOf(answer)}`);
    this.#answers.set(event, answer);
    return () => {
      if (this.#answers.get(event) === answer) this.#answers.delete(event);
    };
  }

  /** The members who are present on a channel, as this browser knows it: the roster, and the joins and leaves since. */
  present(channel: string): PresenceMember[] {
    requireText('present(channel): channel', channel);
    return rosterIn(this.#connection.frames, channel);
  }

  /** Closes the connection, as a closed tab does. The member leaves presence channels after the grace period. */
  disconnect(): void {
    this.#hasLeft = true;
    this.#connection.leave();
  }

  /**
   * Loses the connection, as a page without a network does, until {@link comeBack}. The member leaves presence channels after the
   * grace period.
   */
  loseConnection(): void {
    this.#connection.leave();
  }

  /**
   * Connects again, as a page does: signs in, subscribes to the same channels as far as the authorizers still admit the member, and
   * catches up. The events that it missed on channels with history are in `received` in their order, before newer ones; or `gaps` has
   * the channel.
   *
   * @throws Error when the connection is open, or the browser does not connect again by itself; the message is a sentence
   */
  async comeBack(): Promise<void> {
    const failure = `"${this.id}" could not come back`;
    if (this.isConnected) throw new Error(`${failure}: the connection is open; call loseConnection() first`);
    if (this.#hasLeft)
      throw new Error(`${failure}: disconnect() has closed the tab; call loseConnection() instead`);
    const { closeCode } = this;
    if (closeCode !== undefined && isFinal(closeCode))
      throw new Error(`${failure}: the connection was closed with ${closeCode}, so the browser stays away`);
    this.#connection = this.#connect();
    this.signIn();
    for (const channel of this.#channels) if (!(await this.#join(channel))) this.#catchUp.refused(channel);
    await this.#catchUp.done();
  }

  /** Signs in. `SocketFake.connect` does this. */
  signIn(): void {
    const auth = this.#authorization.authorizeUser(this.identity, this.socketId);
    this.#send('pusher:signin', auth, `"${this.id}" could not sign in`);
  }

  #connect(): MemoryConnection {
    const connection = this.#provider.connect();
    this.#catchUp.connected(connection.id);
    connection.listen((frame) => {
      this.#record(frame);
    });
    return connection;
  }

  /** @returns whether the authorizer admits the member */
  async #join(channel: string): Promise<boolean> {
    const { access } = channelType(channel);
    const failure = `"${this.id}" could not subscribe to "${channel}"`;
    if (access !== 'private' && access !== 'presence') {
      this.#send('pusher:subscribe', { channel }, failure);
      return true;
    }
    const authorized = await this.#authorization.authorizeChannel(this.identity, this.socketId, channel);
    if (authorized === undefined) return false;
    const { shared_secret: secret, ...auth } = authorized;
    if (secret !== undefined) this.#secrets.set(channel, Buffer.from(secret, 'base64'));
    this.#send('pusher:subscribe', { channel, ...auth }, failure);
    return true;
  }

  async #message(
    event: string,
    payload: unknown,
    channel: string | undefined,
    wantsAnswer: boolean,
  ): Promise<unknown> {
    if (!this.isConnected)
      throw new Error(`"${this.id}" could not send "${event}": the connection is closed`);
    const answer = await this.#connection.message(event, payload, { channel, wantsAnswer });
    if (answer?.error !== undefined) throw new FakeMessageError(this.id, event, answer.error);
    const { json } = Payload.of(answer?.value);
    return json === undefined ? undefined : (JSON.parse(json) as unknown);
  }

  async #answer(data: unknown): Promise<void> {
    const { id, event, payload } = decoded(data) as { id: string; event: string; payload?: unknown };
    const answer = this.#answers.get(event);
    try {
      // As the helper does for an event that the page has no answer for.
      if (answer === undefined) throw new Error(`"${this.id}" has no answers("${event}", …)`);
      this.#connection.write(MESSAGE_FRAMES.ANSWER, { id, payload: await answer(payload) });
    } catch (error) {
      this.#connection.write(MESSAGE_FRAMES.ANSWER, { id, error: { message: messageOf(error) } });
    }
  }

  #send(event: string, data: unknown, failure: string, channel?: string): void {
    if (!this.isConnected) throw new Error(`${failure}: the connection is closed`);
    const before = this.#connection.frames.length;
    this.#connection.write(event, data, channel);
    const error = this.#connection.frames.slice(before).find((frame) => frame.event === 'pusher:error');
    if (error !== undefined) throw new Error(`${failure}: ${JSON.stringify(error.data)}`);
    const { closeCode } = this;
    if (closeCode !== undefined) throw new Error(`${failure}: the connection was closed with ${closeCode}`);
  }

  #record(frame: ReceivedFrame): void {
    const { event, channel = '', data } = frame;
    if (event === 'pusher:ping') this.#connection.write('pusher:pong', {});
    if (event === MESSAGE_FRAMES.ASK) void this.#answer(data);
    // The engine answers a refused subscription in another way.
    if (event === 'pusher:subscription_error' && channel !== '') this.removedFrom.push(channel);
    if (event === 'pusher_internal:live') this.#catchUp.live(channel, data);
    if (!/^(?:pusher|pusher_internal|switchboard):/.test(event)) this.#catchUp.take(frame);
  }

  #hand({ event, channel, data, user_id: userId }: ReceivedFrame): void {
    const secret = this.#secrets.get(channel ?? '');
    if (secret === undefined) this.received.push({ event, payload: decoded(data), channel, userId });
    else {
      const text = opened(secret, data);
      // pusher-js drops an event that it cannot decrypt, for example a client event that is not encrypted.
      if (text !== undefined) this.received.push({ event, payload: decoded(text), channel, userId });
    }
  }
}

/** Whether a client of Pusher stays away after the server has closed its connection with a code. */
function isFinal(code: number): boolean {
  return code >= 4_000 && code < 4_100;
}
