import { isDeepStrictEqual } from 'node:util';
import { kindOf } from '../ports/arguments.js';
import type { ExpectedPayload, ReceivableEvent } from './expected-payload.js';
import type { FakeMember } from './fake-member.js';
import { type Equals, type Expected, isExpected, listing, wording } from './relayed.js';
import { requireText } from './test-arguments.js';

interface Result {
  readonly pass: boolean;
  message(): string;
}

/**
 * Matchers for the events and the connection of a fake member, for Jest, Vitest and other runners with `expect.extend`. Where
 * `expect` is a global, the import of `nestjs-switchboard/testing` adds them.
 */
export const socketMatchers = {
  /** Passes if the event has arrived: `expect(alice).toHaveReceived('MEMBER_DEACTIVATED', payloadOrPredicate?)` */
  toHaveReceived(this: object, member: FakeMember, event: string, ...expected: [Expected?]): Result {
    requireFakeMember('toHaveReceived', member);
    requireText('toHaveReceived(event): event', event);
    const pass = member.received.some((received) => isExpected(received, event, expected, equalsOf(this)));
    const found = member.received.length === 0 ? 'received nothing.' : `received:${listing(member.received)}`;
    const not = pass ? 'not ' : '';
    return {
      pass,
      message: () =>
        `Expected ${wording(event, expected)} ${not}to reach member "${member.id}", who ${found}`,
    };
  },

  /** Passes if no event has arrived: `expect(alice).toHaveReceivedNothing()` */
  toHaveReceivedNothing(member: FakeMember): Result {
    requireFakeMember('toHaveReceivedNothing', member);
    const pass = member.received.length === 0;
    return {
      pass,
      message: () =>
        pass
          ? `Expected something to reach member "${member.id}", but nothing did.`
          : `Expected nothing to reach member "${member.id}", but this did:${listing(member.received)}`,
    };
  },

  /** Passes if the server has ended the connection; a closed tab does not count: `expect(alice).toBeDisconnected()` */
  toBeDisconnected(member: FakeMember): Result {
    requireFakeMember('toBeDisconnected', member);
    const pass = member.closeCode !== undefined;
    const state = pass
      ? `closed with ${String(member.closeCode)}`
      : member.isConnected
        ? 'open'
        : 'closed by the member';
    return {
      pass,
      message: () =>
        `Expected member "${member.id}" ${pass ? 'not ' : ''}to be disconnected; the connection is ${state}.`,
    };
  },
};

/** The test runner's own comparison, which supports `expect.objectContaining` and others like it; without one, Node's. */
function equalsOf(runner: object): Equals {
  return 'equals' in runner && typeof runner.equals === 'function'
    ? (runner.equals as Equals)
    : isDeepStrictEqual;
}

/**
 * The types of {@link socketMatchers} on the result of `expect`, in Jest, in `@jest/globals`, and in Vitest with globals or
 * without. The names and payloads are those of the application's `SocketEvents`.
 */
export interface SocketMatchers<R> {
  toHaveReceived<E extends ReceivableEvent>(event: E, payloadOrPredicate?: ExpectedPayload<E>): R;
  toHaveReceivedNothing(): R;
  toBeDisconnected(): R;
}

declare global {
  // Vitest declares this interface too, and its matchers extend it.
  // eslint-disable-next-line @typescript-eslint/no-namespace -- @types/jest is extended by its namespace
  namespace jest {
    // eslint-disable-next-line @typescript-eslint/no-empty-object-type, @typescript-eslint/no-unused-vars -- the declaration must repeat the parameters
    interface Matchers<R, T> extends SocketMatchers<R> {}
  }
}

// `@jest/globals` has its matchers from this package. An application without Jest does not have it, and has to compile all the
// same. Of the comments the declaration file keeps only those with two stars.
// eslint-disable-next-line @typescript-eslint/ban-ts-comment -- there is an error only where the package is absent
/** @ts-ignore */
declare module 'expect' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type, @typescript-eslint/no-unused-vars -- the declaration must repeat the parameters
  interface Matchers<R, T> extends SocketMatchers<R> {}
}

const runner = Object.create(globalThis) as {
  readonly expect?: { extend?(matchers: typeof socketMatchers): void };
};
runner.expect?.extend?.(socketMatchers);

/** @throws TypeError when a matcher is used on something else than a member's browser */
function requireFakeMember(matcher: string, value: unknown): asserts value is FakeMember {
  const { id, received } = Object(value) as Partial<FakeMember>;
  if (typeof id === 'string' && Array.isArray(received)) return;
  const remedy = value instanceof Promise ? ': await fake.connect(…) first' : '';
  throw new TypeError(
    `${matcher} needs what fake.connect(…) resolves with; it got ${kindOf(value)}${remedy}`,
  );
}
