import { randomUUID } from 'node:crypto';
import type { ClientMessage, MessageSender } from '../../../ports/client-messages.js';
import { Payload } from '../../../ports/payload.js';
import type { ChannelMember } from '../../../ports/socket-client.js';

/** The connection that a message came on, as `@ConnectedSocket()` gives it to a handler. Each message has its own. */
export class MemberSocket {
  /** The placeholders of the handler's channel pattern, taken from the channel's name. */
  readonly params: Readonly<Record<string, string>>;
  readonly #sender: MessageSender;
  readonly #message: ClientMessage;
  readonly #onException: (payload: unknown) => boolean;
  #messageId: string | undefined;
  #abort: AbortController | undefined;
  #isExpired = false;

  /** @param onException takes what a filter emits as `exception`; it returns whether that was the answer */
  constructor(
    sender: MessageSender,
    message: ClientMessage,
    params: Readonly<Record<string, string>>,
    onException: (payload: unknown) => boolean,
  ) {
    this.#sender = sender;
    this.#message = message;
    this.params = params;
    this.#onException = onException;
  }

  /** The id of this message in the logs. */
  get messageId(): string {
    return (this.#messageId ??= randomUUID());
  }

  /** The connection's Pusher socket id, for `exceptSocketId`. */
  get socketId(): string {
    return this.#sender.id;
  }

  /** Whether nobody is signed in on the connection. Only handlers with `allowAnonymous` get such messages. */
  get isAnonymous(): boolean {
    return this.#sender.memberOn(this.channel) === undefined;
  }

  /**
   * The member who sent the message: who is signed in, or present on the message's channel.
   *
   * @throws Error when `isAnonymous`
   */
  get member(): ChannelMember {
    const user = this.#sender.memberOn(this.channel);
    if (user === undefined)
      throw new Error('Nobody is signed in on this connection: ask isAnonymous before member');
    return user.info === undefined ? { id: user.id } : { id: user.id, info: user.info };
  }

  /** The channel that the message was sent on; `undefined` when it was sent on the connection itself. */
  get channel(): string | undefined {
    return this.#message.channel;
  }

  /** Aborted when the handler's time is over (`SOCKET_HANDLER_TIMEOUT_MS`). Hand it on to what you wait for. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#isExpired) this.#abort.abort();
    return this.#abort.signal;
  }

  /**
   * Sends an event to this browser alone, which hears it as a relay to the member. A filter's `exception` is the error of a message that
   * waits for an answer.
   */
  emit(event: string, payload?: unknown): void {
    if (event === 'exception' && this.#onException(payload)) return;
    this.#sender.emit(event, Payload.of(payload).json);
  }

  /**
   * Sends the message on to the other subscribers of its channel, as the client event that it would be without a handler. On `pusher`
   * it has reached them already, and nothing is sent.
   *
   * @throws Error when the message was sent on no channel
   */
  passOn(): void {
    if (this.channel === undefined)
      throw new Error('passOn(): the message was sent on no channel, so there are no other subscribers');
    this.#sender.passOn(this.#message);
  }

  /** Aborts {@link signal}. */
  static expire(socket: MemberSocket): void {
    socket.#isExpired = true;
    socket.#abort?.abort();
  }
}
