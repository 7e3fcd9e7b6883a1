import { Logger } from '@nestjs/common';
import { oneLine, type SocketLogger } from '../../ports/logger.js';

/** The facts of a line, beside its words: `params` where Nest's logger writes JSON, and behind the words where it does not. */
export type LogFields = Readonly<Record<string, string | number>>;

/** Nest's logger, with each message on one line whoever wrote parts of it, and with the facts as fields. */
export class SocketLog implements SocketLogger {
  readonly #logger: Logger;

  constructor(context = 'SocketModule') {
    this.#logger = new Logger(context);
  }

  /** Whether it is worth putting a line for `debug` together. */
  get isDebugged(): boolean {
    return Logger.isLevelEnabled('debug');
  }

  debug(message: string, fields?: LogFields): void {
    this.#logger.debug(oneLine(message), ...given(fields));
  }

  log(message: string, fields?: LogFields): void {
    this.#logger.log(oneLine(message), ...given(fields));
  }

  warn(message: string, fields?: LogFields): void {
    this.#logger.warn(oneLine(message), ...given(fields));
  }

  error(message: string, fields?: LogFields): void {
    this.#logger.error(oneLine(message), ...given(fields));
  }
}

/** Behind the words they are shown nearly as they are. */
function given(fields: LogFields | undefined): LogFields[] {
  if (fields === undefined) return [];
  const entries = Object.entries(fields);
  return [Object.fromEntries(entries.map(([name, value]) => [name, asShown(value)]))];
}

function asShown(value: string | number): string | number {
  return typeof value === 'string' ? oneLine(value) : value;
}
