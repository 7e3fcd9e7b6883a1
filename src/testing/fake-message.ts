import type { MessageError, MessageErrorCode } from '../ports/client-messages.js';
import { requireText } from './test-arguments.js';

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

/** @throws TypeError when the channel is no text */
export function channelOf(options: FakeMessageOptions): string | undefined {
  const { channel } = Object(options) as FakeMessageOptions;
  if (channel !== undefined) requireText('The option channel', channel);
  return channel;
}
