/** Where adapters and the engine write what an operator should know. Nest's `Logger` fits. */
export interface SocketLogger {
  log(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** The inversify token of the logger. */
export const LOGGER = Symbol.for('nestjs-switchboard.Logger');

/** What ends a line, moves a terminal's cursor, or turns the direction of what follows. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * A text that stays on its line, wherever it is shown. Names and answers come from others: a line break in one of them
 * would let its author write lines of a log.
 */
export function oneLine(text: string): string {
  return text.replace(
    UNSAFE,
    (character) => SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The same logger, with each message on one line. */
export function oneLineLogger(logger: SocketLogger): SocketLogger {
  return {
    log: (message) => {
      logger.log(oneLine(message));
    },
    warn: (message) => {
      logger.warn(oneLine(message));
    },
    error: (message) => {
      logger.error(oneLine(message));
    },
  };
}
