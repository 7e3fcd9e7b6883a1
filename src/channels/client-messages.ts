import type {
  ClientMessage,
  MessageAnswer,
  MessageError,
  MessageReceiver,
  MessageSender,
} from '../ports/client-messages.js';
import { messageOf } from '../ports/errors.js';
import type { SocketLogger } from '../ports/logger.js';
import type { User } from '../ports/user.js';
import { userChannel } from '../protocol/channel-name.js';
import type { ClientFrame } from '../protocol/client-frame.js';
import { CODES, ProtocolError } from '../protocol/codes.js';
import { CLIENT_EVENT_PREFIX } from '../protocol/event-name.js';
import { frame } from '../protocol/frame.js';
import { answerFrame, MESSAGE_FRAMES, readMessage } from '../protocol/message-frames.js';
import type { Session } from './session.js';

/** The parts of the engine that messages act on. */
export interface ClientMessageParts {
  readonly logger: SocketLogger;
  /** Sends a message to the other subscribers of its channel, as a client event of this session. */
  readonly passOn: (session: Session, message: ClientMessage) => void;
  /** Answers a message with `pusher:error`. */
  readonly refuse: (session: Session, error: ProtocolError) => void;
}

const NO_HANDLERS: MessageError = {
  code: 'UNKNOWN_EVENT',
  message: 'This application has no handlers of messages',
};

/** Hands clients' messages to the application's handlers, and their answers back. Without handlers it does nothing. */
export class ClientMessages {
  readonly #parts: ClientMessageParts;
  #receiver: MessageReceiver | undefined;

  constructor(parts: ClientMessageParts) {
    this.#parts = parts;
  }

  /** Hands all messages to this receiver from now on. */
  connect(receiver: MessageReceiver): void {
    this.#receiver = receiver;
  }

  /** Whether a handler takes a client event, which then is not sent on to others. */
  takes({ event, channel }: ClientFrame): boolean {
    return this.#receiver?.takes(event.slice(CLIENT_EVENT_PREFIX.length), channel) === true;
  }

  /** Has a client event handled. A failure is answered with `pusher:error`. */
  handleClientEvent(session: Session, { event, channel, data }: ClientFrame, text: string): void {
    const name = event.slice(CLIENT_EVENT_PREFIX.length);
    this.#handleSent(session, name, channel, data, text);
  }

  /**
   * Handles `switchboard:send` and `switchboard:ask`.
   *
   * @throws ProtocolError when the frame is malformed
   */
  handle(session: Session, received: ClientFrame, text: string): void {
    const { id, event, channel, payload } = readMessage(received);
    if (received.event === MESSAGE_FRAMES.SEND) {
      this.#handleSent(session, event, channel, payload, text);
      return;
    }
    const bytes = Buffer.byteLength(text);
    void this.receive(session, { event, channel, payload, bytes, wantsAnswer: true }).then((answer) => {
      if (answer !== undefined) this.#answer(session, id, answer);
    });
  }

  /** As `ChannelEngine.receiveMessage`. */
  receive(session: Session, message: ClientMessage): Promise<MessageAnswer | undefined> {
    if (this.#receiver === undefined) return Promise.resolve({ error: NO_HANDLERS });
    const { channel } = message;
    if (channel !== undefined && !isOn(session, channel)) {
      const error = { code: 'NOT_ON_CHANNEL', message: 'Not subscribed to this channel' } as const;
      return Promise.resolve({ error });
    }
    session.sender ??= new SessionSender(session, this.#parts.passOn);
    return this.#receiver.receive(session.sender, message);
  }

  #handleSent(
    session: Session,
    event: string,
    channel: string | undefined,
    payload: unknown,
    text: string,
  ): void {
    const message = { event, channel, payload, bytes: Buffer.byteLength(text), wantsAnswer: false };
    void this.receive(session, message).then((answer) => {
      if (answer?.error !== undefined) this.#parts.refuse(session, unaskedError(answer.error));
    });
  }

  #answer(session: Session, id: string, answer: MessageAnswer): void {
    try {
      const content = answer.error === undefined ? { payload: answer.value } : { error: answer.error };
      session.connection.send(answerFrame(id, content));
    } catch (cause) {
      const error = unsendable(this.#parts.logger, cause);
      session.connection.send(answerFrame(id, { error }));
    }
  }
}

/** The error that a client gets whose message wanted no answer. */
export function unaskedError({ code, message }: MessageError): ProtocolError {
  const number = code === 'TOO_MANY' ? CODES.RATE_EXCEEDED : CODES.MESSAGE_REFUSED;
  return new ProtocolError(number, `${code}: ${message}`);
}

/** Logs that a handler has returned a value without a JSON form, and makes the error that its client gets instead. */
export function unsendable(logger: SocketLogger, cause: unknown): MessageError {
  logger.error(`The answer of a handler cannot be sent as JSON: ${messageOf(cause)}`);
  return { code: 'FAILED', message: 'The answer cannot be sent as JSON' };
}

/** A session, as handlers see it. */
class SessionSender implements MessageSender {
  readonly #session: Session;
  readonly #passOn: ClientMessageParts['passOn'];

  constructor(session: Session, passOn: ClientMessageParts['passOn']) {
    this.#session = session;
    this.#passOn = passOn;
  }

  get id(): string {
    return this.#session.id;
  }

  memberOn(channel: string | undefined): User | undefined {
    const { user, subscriptions } = this.#session;
    return user ?? (channel === undefined ? undefined : subscriptions.get(channel)?.user);
  }

  emit(event: string, json: string | undefined): void {
    const { user, connection, isClosed } = this.#session;
    if (isClosed) return;
    // A member's browser hears it as it hears a relay to the member.
    const channel = user === undefined ? {} : { channel: userChannel(user.id) };
    connection.send(frame(event, { ...channel, data: json }));
  }

  passOn(message: ClientMessage): void {
    if (!this.#session.isClosed) this.#passOn(this.#session, message);
  }
}

function isOn(session: Session, channel: string): boolean {
  return session.subscriptions.get(channel)?.channel.subscribers.has(session.connection) === true;
}
