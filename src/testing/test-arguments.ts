import { kindOf } from '../ports/arguments.js';
import { shown } from '../ports/logger.js';
import type { FakeMember } from './fake-member.js';

/** @throws TypeError when an argument of a test is no text */
export function requireText(what: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`${what} must be a text; it is ${shown(value)}`);
}

/** @throws TypeError when a matcher is used on something else than a member's browser */
export function requireFakeMember(matcher: string, value: unknown): asserts value is FakeMember {
  const { id, received } = Object(value) as Partial<FakeMember>;
  if (typeof id === 'string' && Array.isArray(received)) return;
  const remedy = value instanceof Promise ? ': await fake.connect(…) first' : '';
  throw new TypeError(
    `${matcher} needs what fake.connect(…) resolves with; it got ${kindOf(value)}${remedy}`,
  );
}
