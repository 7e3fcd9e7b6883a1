import type { ChannelEngine } from '../../channels/channel-engine.js';
import { unaskedError, unsendable } from '../../channels/client-messages.js';
import type { Session } from '../../channels/session.js';
import type { MessageError } from '../../ports/client-messages.js';
import type { SocketLogger } from '../../ports/logger.js';
import type { HandlerMessage } from './client-message.js';
import type { SocketIoConnection } from './socket-io-connection.js';

/** The parts that a message to the application's handlers needs. */
export interface HandlerMessageParts {
  readonly engine: ChannelEngine;
  readonly logger: SocketLogger;
}

/**
 * Has a message handled by the application, and answers it. Messages that come meanwhile are not kept waiting: the application's side
 * keeps the order of a connection's messages. Never rejects.
 */
export async function handOver(
  { engine, logger }: HandlerMessageParts,
  session: Session,
  connection: SocketIoConnection,
  { event, channel, payload, ack }: HandlerMessage,
): Promise<void> {
  engine.countMessage(session);
  const refuse = (error: MessageError) => {
    if (ack === undefined) connection.sendError(unaskedError(error));
    else connection.reply(ack, { ok: false, ...error });
  };
  const text = jsonOf([event, payload, channel]);
  if (text === undefined) {
    refuse({ code: 'REFUSED', message: 'The message is nested too deeply' });
    return;
  }
  const bytes = Buffer.byteLength(text);
  const answer = await engine.receiveMessage(session, {
    event,
    channel,
    payload,
    bytes,
    wantsAnswer: ack !== undefined,
  });
  if (answer?.error !== undefined) refuse(answer.error);
  else if (answer !== undefined && ack !== undefined) {
    try {
      connection.reply(ack, answer.value);
    } catch (cause) {
      refuse(unsendable(logger, cause));
    }
  }
}

/** @returns `undefined` for a value that nests more deeply than `JSON.stringify` can follow; `JSON.parse` can follow it further */
export function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
