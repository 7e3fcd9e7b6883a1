import { randomUUID } from 'node:crypto';
import type { ClientMessage, MessageSender } from '../../../ports/client-messages.js';
import { Payload } from '../../../ports/payload.js';
import type { ChannelMember } from '../../../ports/socket-client.js';

/** The call of the handler that has a {@link MemberSocket}. */
export interface HandlerCall {
  /** Aborted when the handler's time is over. */
  readonly signal: AbortSignal;
  /** Takes what a filter emits as `exception`. @returns whether that is the answer, so that it is not sent as an event */
  takesException(payload: unknown): boolean;
}

/** The connection that a message came on, as `@ConnectedSocket()` gives it to a handler. Each message has its own. */
export class MemberSocket {
  /** The placeholders of the handler's channel pattern, taken from the channel's name. */
  readonly params: Readonly<Record<string, string>>;
  readonly #sender: MessageSender;
  readonly #message: ClientMessage;
  readonly #call: HandlerCall;
  #messageId: string | undefined;

  constructor(
    sender: MessageSender,
    message: ClientMessage,
    params: Readonly<Record<string, string>>,
    call: HandlerCall,
  ) {
    this.#sender = sender;
    this.#message = message;
    this.params = params;
    this.#call = call;
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
    return this.#call.signal;
  }

  /**
   * Sends an event to this browser alone, which hears it as a relay to the member. A filter's `exception` is the error of a message that
   * waits for an answer.
   */
  emit(event: string, payload?: unknown): void {
    if (event === 'exception' && this.#call.takesException(payload)) return;
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
}
