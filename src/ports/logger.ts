import { inspect } from 'node:util';

/** The facts of a log line, beside its message. */
export type LogFields = Readonly<Record<string, string | number>>;

/** The log that adapters, the engine and the relays write to. Nest's `Logger` is one, and so is `console`. */
export interface SocketLogger {
  log(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Absent where lines of this level are not written. */
  debug?(message: string, fields?: LogFields): void;
  /** Whether a line of the level `debug` for every relay is worth building. @default false */
  readonly isDebugEnabled?: boolean;
}

/** The inversify token of the logger. */
export const LOGGER = Symbol.for('nestjs-switchboard.Logger');

/** The characters that end a line, move a terminal's cursor, or turn the direction of the text behind them. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Escapes the characters that would move a text off its line. Names and answers come from strangers: a line break in one of
 * them would let its author forge a line of the log.
 */
export function oneLine(text: string): string {
  return text.replace(
    UNSAFE,
    (character) => SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The most characters of a value in a message. */
const SHOWN_CHARACTERS = 80;

/** A value of any kind as a message shows it: texts in quotes, on one line, and cut to 80 characters. */
export function shown(value: unknown): string {
  const whole =
    typeof value === 'string' ? JSON.stringify(value) : inspect(value, { depth: 0, breakLength: Infinity });
  const text = oneLine(whole.slice(0, SHOWN_CHARACTERS));
  return whole.length > SHOWN_CHARACTERS ? `${text}… (${whole.length} characters)` : text;
}

/** The same logger, with each message and each field on one line. */
export function oneLineLogger(logger: SocketLogger): SocketLogger {
  return {
    log: (message, fields) => {
      logger.log(oneLine(message), ...oneLineFields(fields));
    },
    warn: (message, fields) => {
      logger.warn(oneLine(message), ...oneLineFields(fields));
    },
    error: (message, fields) => {
      logger.error(oneLine(message), ...oneLineFields(fields));
    },
    ...(logger.debug !== undefined && {
      debug: (message: string, fields?: LogFields) => {
        logger.debug?.(oneLine(message), ...oneLineFields(fields));
      },
    }),
    get isDebugEnabled() {
      return logger.isDebugEnabled === true;
    },
  };
}

/** Returns a list, because some loggers show every argument, and would show `undefined` for absent fields. */
function oneLineFields(fields: LogFields | undefined): [LogFields?] {
  if (fields === undefined) return [];
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    typeof value === 'string' ? oneLine(value) : value,
  ]);
  return [Object.fromEntries(entries) as LogFields];
}
