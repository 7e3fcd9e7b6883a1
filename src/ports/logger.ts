/** Where adapters and the engine write what an operator should know. Nest's `Logger` fits. */
export interface SocketLogger {
  log(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** The inversify token of the logger. */
export const LOGGER = Symbol.for('nestjs-switchboard.Logger');
