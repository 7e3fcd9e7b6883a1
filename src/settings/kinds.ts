import * as v from 'valibot';
import type { Kind } from './setting.js';

/** A whole number, from the least to the most that is allowed. */
export function wholeNumber(minimum: number, maximum: number): Kind<number> {
  const allowed = `must be a whole number from ${minimum} to ${maximum}`;
  return {
    fromText: (text) => (/^\d+$/.test(text) ? Number(text) : text),
    schema: v.pipe(
      v.number(allowed),
      v.check((value) => Number.isInteger(value) && value >= minimum && value <= maximum, allowed),
    ),
  };
}

/** A bound that 0 switches off. */
export const limit = wholeNumber(0, 2 ** 31 - 1);

/** A TCP port. */
export const port = wholeNumber(1, 65_535);

/** `true` or `false`. */
export const yesOrNo: Kind<boolean> = {
  fromText: (text) => (text === 'true' || text === 'false' ? text === 'true' : text),
  schema: v.boolean('must be one of: true, false'),
};

/** One of these texts. */
export function oneOf<const T extends string>(values: readonly T[]): Kind<T> {
  return { fromText: asItIs, schema: schemaOfOne(values) };
}

/** Any text that is not empty. */
export const text = textLike(/./s, 'must be a text that is not empty');

/**
 * Text of a certain form.
 *
 * @param allowed what a message says of it, like `must be 1 to 64 letters`
 */
export function textLike(pattern: RegExp, allowed: string): Kind<string> {
  return { fromText: asItIs, schema: v.pipe(v.string(allowed), v.regex(pattern, allowed)) };
}

/** A host's name or address, as URLs have it. */
export const hostname = textLike(
  /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])$/,
  'must be a host name without scheme, port or path',
);

/** Text that is read into something else. */
export function textReadBy<T>(read: (text: string) => T | undefined, allowed: string): Kind<T, string> {
  return { fromText: asItIs, schema: schemaReadBy(read, allowed) };
}

/** A list of these texts. In a variable they are separated by commas. */
export function listOf<const T extends string>(values: readonly T[]): Kind<readonly T[]> {
  const allowed = `must be a list; each ${mustBeOneOf(values)}`;
  return { fromText: splitList, schema: v.array(schemaOfOne(values), allowed) };
}

/** A list of texts that pass a check. In a variable they are separated by commas. */
export function listWhere(
  isAllowed: (text: string, index: number, list: readonly string[]) => boolean,
  allowed: string,
): Kind<readonly string[]> {
  return {
    fromText: splitList,
    schema: v.pipe(
      v.array(v.string(allowed), allowed),
      v.check((entries) => entries.every(isAllowed), allowed),
    ),
  };
}

/** A list of texts, each read into something else. In a variable they are separated by commas. */
export function listReadBy<T>(
  read: (text: string) => T | undefined,
  allowed: string,
): Kind<readonly T[], readonly string[]> {
  return { fromText: splitList, schema: v.array(schemaReadBy(read, allowed), allowed) };
}

function schemaOfOne<const T extends string>(values: readonly T[]) {
  return v.picklist(values, mustBeOneOf(values));
}

function schemaReadBy<T>(read: (text: string) => T | undefined, allowed: string) {
  return v.pipe(
    v.string(allowed),
    v.rawTransform(({ dataset, addIssue, NEVER }): T => {
      const value = read(dataset.value);
      if (value !== undefined) return value;
      addIssue({ message: allowed });
      return NEVER;
    }),
  );
}

function mustBeOneOf(values: readonly string[]): string {
  return `must be one of: ${values.join(', ')}`;
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);
}

function asItIs(text: string): string {
  return text;
}
