/** The facts of a log line, beside its words. */
export type LogFields = Readonly<Record<string, string | number>>;

/** The log that adapters, the engine and the relays write to. Nest's `Logger` fits, and so does `console`. */
export interface SocketLogger {
  log(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Absent where nobody reads such lines. */
  debug?(message: string, fields?: LogFields): void;
  /** Whether lines for `debug` are read. @default true */
  readonly isDebugEnabled?: boolean;
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
      return logger.isDebugEnabled !== false;
    },
  };
}

/** A list, so that a logger that shows every argument shows none for absent fields. */
function oneLineFields(fields: LogFields | undefined): [LogFields?] {
  if (fields === undefined) return [];
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    typeof value === 'string' ? oneLine(value) : value,
  ]);
  return [Object.fromEntries(entries) as LogFields];
}
