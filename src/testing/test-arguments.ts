import { shown } from '../ports/logger.js';

/** @throws TypeError when an argument of a test is no text */
export function requireText(what: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`${what} must be a text; it is ${shown(value)}`);
}
