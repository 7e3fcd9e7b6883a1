import { SocketUsageError } from './errors.js';
import { shown } from './logger.js';

/** The kind of a value as an error message names it, where the value itself may have secrets in it. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Promise) return 'a promise';
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}

/** Whether a value is an object, and neither `null` nor a list nor a promise. */
export function isObject(value: unknown): value is object {
  return kindOf(value) === 'an object';
}

/**
 * Checks that an argument is an object.
 *
 * @param what how the message names it: `forRoot(options): options`
 * @throws SocketUsageError `INVALID_ARGUMENT`
 */
export function checkObject(what: string, value: unknown, hint = ''): void {
  if (!isObject(value)) throw invalidArgument(`${what} must be an object${hint}; it is ${kindOf(value)}`);
}

/** The same for a function. */
export function checkFunction(what: string, value: unknown, hint = ''): void {
  if (typeof value !== 'function')
    throw invalidArgument(`${what} must be a function${hint}; it is ${kindOf(value)}`);
}

/** The same for a text, which the message shows. */
export function checkText(what: string, value: unknown, hint = ''): void {
  if (typeof value !== 'string')
    throw invalidArgument(`${what} must be a text${hint}; it is ${shown(value)}`);
}

/** The error for an argument of the wrong kind. */
export function invalidArgument(message: string): SocketUsageError {
  return new SocketUsageError('INVALID_ARGUMENT', message);
}
