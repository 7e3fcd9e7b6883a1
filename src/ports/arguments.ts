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

/** Checks that an object of options has none that does not exist. Without a value, an option is not there. */
export function checkNames(what: string, options: object, known: readonly string[]): void {
  const [name] = unknownNames(options, known);
  if (name === undefined) return;
  throw invalidArgument(`${what} must have no ${shown(name)}; ${meant(nearestName(name, known), known)}`);
}

/** The end of a message about a name that does not exist. */
export function meant(near: string | undefined, known: readonly string[]): string {
  return near === undefined ? `there are: ${known.join(', ')}` : `did you mean ${near}?`;
}

/** The names that have a value in an object, and are not among the known ones. */
export function unknownNames(object: object, known: readonly string[]): string[] {
  return Object.entries(object)
    .filter(([name, value]) => value !== undefined && !known.includes(name))
    .map(([name]) => name);
}

/** The name that a misspelt one is most likely meant to be; `undefined` where none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let least = Math.max(1, Math.floor(name.length / 5)) + 1;
  let found: string | undefined;
  for (const candidate of known) {
    const edits = distance(name, candidate);
    if (edits >= least) continue;
    least = edits;
    found = candidate;
  }
  return found;
}

/** The edits of single characters that turn one text into the other: Levenshtein's distance. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let line = 1; line <= from.length; line++) {
    const next = [line];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[line - 1] === to[column - 1];
      const [replaced = 0, removed = 0] = [row[column - 1], row[column]];
      next.push(Math.min(replaced + (isSame ? 0 : 1), removed + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** The error for an argument of the wrong kind. */
export function invalidArgument(message: string): SocketUsageError {
  return new SocketUsageError('INVALID_ARGUMENT', message);
}
