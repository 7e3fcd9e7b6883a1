import type { MemoryConnection, ReceivedFrame } from '../adapters/memory/memory-connection.js';
import type { ChannelAuthorization } from '../modules/socket/authorization/channel-authorization.js';
import { kindOf } from '../ports/arguments.js';
import type { ChannelAuth, Identity, PresenceMember } from '../ports/authorization.js';
import type { MessageError, MessageErrorCode } from '../ports/client-messages.js';
import { messageOf } from '../ports/errors.js';
import { Payload } from '../ports/payload.js';
import { channelType } from '../protocol/channel-name.js';
import { decrypt } from '../protocol/encryption.js';
import { MESSAGE_FRAMES } from '../protocol/message-frames.js';
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

/** The options of `FakeMember.send` and `FakeMember.ask`. */
export interface FakeMessageOptions {
  /** The channel that the message is sent on. @default undefined, the connection itself */
  readonly channel?: string;
}

/** A message of a {@link FakeMember} that the application did not handle. */
export class FakeMessageError extends Error {
  override readonly name = 'FakeMessageError';
  /** As in the browser: `REFUSED`, `FAILED`, `TOO_MANY` and so on. */
  readonly code: MessageErrorCode;
  /** More about it, where the application said more. */
  readonly details: unknown;

  constructor(memberId: string, event: string, { code, message, details }: MessageError) {
    super(`"${memberId}" could not send "${event}": ${message} (${code})`);
    this.code = code;
    this.details = details;
  }
}

/** A member's browser, in memory: signed in, and subscribed to the broadcast channel. `SocketFake.connect` makes it. */
export class FakeMember {
  readonly #connection: MemoryConnection;
  readonly #authorization: ChannelAuthorization;
  /** The keys of the encrypted channels that it is subscribed to. */
  readonly #secrets = new Map<string, Buffer>();
  /** The answers to `askMember`, by event. */
  readonly #answers = new Map<string, (payload: unknown) => unknown>();
  /** The events that reached the browser's handlers, the oldest first. Events of the protocol itself are not among them. */
  readonly received: ReceivedEvent[] = [];
  /** The channels that `removeFromChannel` has taken this browser out of, the oldest first. */
  readonly removedFrom: string[] = [];

  constructor(
    /** The member that this browser is signed in as. */
    readonly identity: Identity,
    connection: MemoryConnection,
    authorization: ChannelAuthorization,
  ) {
    this.#connection = connection;
    this.#authorization = authorization;
    connection.listen((frame) => {
      this.#record(frame);
    });
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
    const { access } = channelType(channel);
    const failure = `"${this.id}" could not subscribe to "${channel}"`;
    if (access !== 'private' && access !== 'presence') {
      this.#send('pusher:subscribe', { channel }, failure);
      return;
    }
    const { shared_secret: secret, ...auth } = await this.#authorize(channel);
    if (secret !== undefined) this.#secrets.set(channel, Buffer.from(secret, 'base64'));
    this.#send('pusher:subscribe', { channel, ...auth }, failure);
  }

  /** Leaves a channel. @throws Error when the connection is closed */
  unsubscribe(channel: string): void {
    requireText('unsubscribe(channel): channel', channel);
    this.#send('pusher:unsubscribe', { channel }, `"${this.id}" could not leave "${channel}"`);
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
    const present = new Map<string, PresenceMember>();
    for (const frame of this.#connection.frames) {
      if (frame.channel === channel) follow(present, frame.event, decode(frame.data));
    }
    return [...present.values()];
  }

  /** Closes the connection, as a closed tab does. The member leaves presence channels after the grace period. */
  disconnect(): void {
    this.#connection.leave();
  }

  /** Signs in. `SocketFake.connect` does this. */
  signIn(): void {
    const auth = this.#authorization.authorizeUser(this.identity, this.socketId);
    this.#send('pusher:signin', auth, `"${this.id}" could not sign in`);
  }

  async #authorize(channel: string): Promise<ChannelAuth> {
    const auth = await this.#authorization.authorizeChannel(this.identity, this.socketId, channel);
    if (auth === undefined) {
      throw new Error(`"${this.id}" could not subscribe to "${channel}": no authorizer admits this member`);
    }
    return auth;
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
    const { id, event, payload } = decode(data) as { id: string; event: string; payload?: unknown };
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

  #record({ event, channel, data, user_id: userId }: ReceivedFrame): void {
    if (event === 'pusher:ping') this.#connection.write('pusher:pong', {});
    if (event === MESSAGE_FRAMES.ASK) void this.#answer(data);
    // The engine answers a refused subscription in another way.
    if (event === 'pusher:subscription_error' && channel !== undefined) this.removedFrom.push(channel);
    if (/^(?:pusher|pusher_internal|switchboard):/.test(event)) return;
    const secret = this.#secrets.get(channel ?? '');
    if (secret === undefined) this.received.push({ event, payload: decode(data), channel, userId });
    else {
      const text = decrypted(secret, data);
      // pusher-js drops an event that it cannot decrypt, for example a client event that is not encrypted.
      if (text !== undefined) this.received.push({ event, payload: decode(text), channel, userId });
    }
  }
}

function channelOf(options: FakeMessageOptions): string | undefined {
  const { channel } = Object(options) as FakeMessageOptions;
  if (channel !== undefined) requireText('The option channel', channel);
  return channel;
}

/** Decrypts the data of an event; `undefined` when that is not possible. */
function decrypted(secret: Buffer, data: unknown): string | undefined {
  const sealed = decode(data);
  return isSealed(sealed) ? decrypt(secret, sealed) : undefined;
}

function isSealed(data: unknown): data is { nonce: string; ciphertext: string } {
  const { nonce, ciphertext } = Object(data) as Record<string, unknown>;
  return typeof nonce === 'string' && typeof ciphertext === 'string';
}

/** Reads data as `pusher-js` does: as JSON if it is JSON, otherwise as text. */
function decode(data: unknown): unknown {
  if (typeof data !== 'string') return data;
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}

function follow(present: Map<string, PresenceMember>, event: string, data: unknown): void {
  const {
    presence,
    user_id: id,
    user_info: info,
  } = data as {
    presence?: { hash: Record<string, PresenceMember['info'] | null> };
    user_id?: string;
    user_info?: PresenceMember['info'];
  };
  if (event === 'pusher_internal:subscription_succeeded' && presence !== undefined) {
    present.clear();
    for (const [memberId, memberInfo] of Object.entries(presence.hash))
      present.set(memberId, member(memberId, memberInfo));
  }
  if (event === 'pusher_internal:member_added' && id !== undefined) present.set(id, member(id, info));
  if (event === 'pusher_internal:member_removed' && id !== undefined) present.delete(id);
}

function member(id: string, info: PresenceMember['info'] | null): PresenceMember {
  return info === undefined || info === null ? { id } : { id, info };
}
