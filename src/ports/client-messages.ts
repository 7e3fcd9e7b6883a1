import type { User } from './user.js';

/** A message from a client to the application: an event that a handler of the application may take. */
export interface ClientMessage {
  /** The name that handlers know, without the prefix `client-`. */
  readonly event: string;
  /** The channel that it was sent on; `undefined` when it was sent on the connection itself. */
  readonly channel: string | undefined;
  /** The payload, as JSON carried it; `undefined` when there was none. */
  readonly payload: unknown;
  /** The bytes of the message as the client sent it; 0 where the transport does not know. */
  readonly bytes: number;
  /** Whether the client waits for an answer. */
  readonly wantsAnswer: boolean;
}

/** The connection that a message came on. It is the same object for every message of the connection: limits are counted for it. */
export interface MessageSender {
  /** Its Pusher socket id. */
  readonly id: string;
  /** The member who sends on this channel, or on the connection itself; `undefined` while nobody is signed in. */
  memberOn(channel: string | undefined): User | undefined;
  /** Sends an event to this connection alone. `json` is the payload's JSON text; `undefined` where there is none. */
  emit(event: string, json: string | undefined): void;
  /** Sends the message to the other subscribers of its channel, as a client event. */
  passOn(message: ClientMessage): void;
}

/**
 * Why a message was not handled. `UNKNOWN_EVENT`: no handler has this name. `NOT_ON_CHANNEL`: the sender is not on a channel of the
 * handler. `NOT_SIGNED_IN`: the handler takes members only. `TOO_LARGE`, `TOO_MANY` and `TOO_MANY_RUNNING`: a limit. `REFUSED`: a
 * guard, a pipe, or the handler itself said no. `FAILED`: the handler failed. `TIMED_OUT`: it took too long.
 */
export type MessageErrorCode =
  | 'UNKNOWN_EVENT'
  | 'NOT_ON_CHANNEL'
  | 'NOT_SIGNED_IN'
  | 'TOO_LARGE'
  | 'TOO_MANY'
  | 'TOO_MANY_RUNNING'
  | 'REFUSED'
  | 'FAILED'
  | 'TIMED_OUT';

/** An error as the sender gets it. */
export interface MessageError {
  readonly code: MessageErrorCode;
  readonly message: string;
  /** More about it, as the exception has it: the problems of a payload that a pipe refused, for example. */
  readonly details?: unknown;
}

/** The value that a handler returned, or the reason why there is none. */
export type MessageAnswer =
  { readonly value: unknown; readonly error?: undefined } | { readonly error: MessageError };

/**
 * The application's side of {@link ClientMessage}s: it has the handlers and the limits, and knows no transport.
 *
 * The engine hands over what comes in its own frames. An adapter with frames of its own calls `ChannelEngine.receiveMessage`, which
 * checks the subscription and hands the message over: `socket.emit(event, payload, ack)` of Socket.IO becomes
 * `ack(await engine.receiveMessage(session, { event, channel, payload, bytes, wantsAnswer: ack !== undefined }))`.
 */
export interface MessageReceiver {
  /** Whether a handler takes this event on this channel, or on no channel. */
  takes(event: string, channel: string | undefined): boolean;
  /**
   * Checks the limits, and has the message handled after the earlier ones of its sender.
   *
   * @returns the answer; `undefined` for one that is to get none. Never rejects
   */
  receive(sender: MessageSender, message: ClientMessage): Promise<MessageAnswer | undefined>;
}
