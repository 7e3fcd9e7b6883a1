import { isDeepStrictEqual } from 'node:util';
import type { FakeMember } from './fake-member.js';
import { type Equals, type Expected, isExpected, listing, wording } from './relayed.js';

interface Result {
  readonly pass: boolean;
  message(): string;
}

/**
 * Matchers about what a fake member's browser has seen, for Jest, Vitest and anything else with `expect.extend`. Where
 * `expect` is a global, importing `nestjs-switchboard/testing` has added them.
 */
export const socketMatchers = {
  /** `expect(alice).toHaveReceived('MEMBER_DEACTIVATED', payloadOrPredicate?)` */
  toHaveReceived(this: object, member: FakeMember, event: string, ...expected: [Expected?]): Result {
    const pass = member.received.some((received) => isExpected(received, event, expected, equalsOf(this)));
    const found = member.received.length === 0 ? 'received nothing.' : `received:${listing(member.received)}`;
    const not = pass ? 'not ' : '';
    return {
      pass,
      message: () =>
        `Expected ${wording(event, expected)} ${not}to reach member "${member.id}", who ${found}`,
    };
  },

  /** `expect(alice).toHaveReceivedNothing()` */
  toHaveReceivedNothing(member: FakeMember): Result {
    const pass = member.received.length === 0;
    return {
      pass,
      message: () =>
        pass
          ? `Expected something to reach member "${member.id}", but nothing did.`
          : `Expected nothing to reach member "${member.id}", but this did:${listing(member.received)}`,
    };
  },

  /** `expect(alice).toBeDisconnected()`: by the server, not by closing the tab. */
  toBeDisconnected(member: FakeMember): Result {
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

/** The test runner's own comparison, which knows `expect.objectContaining` and the like; else Node's. */
function equalsOf(runner: object): Equals {
  return 'equals' in runner && typeof runner.equals === 'function'
    ? (runner.equals as Equals)
    : isDeepStrictEqual;
}

/** The matchers' types, as `expect` shows them. */
export interface SocketMatchers<R> {
  toHaveReceived(event: string, payloadOrPredicate?: unknown): R;
  toHaveReceivedNothing(): R;
  toBeDisconnected(): R;
}

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how @types/jest is extended
  namespace jest {
    // eslint-disable-next-line @typescript-eslint/no-empty-object-type, @typescript-eslint/no-unused-vars -- its own parameters
    interface Matchers<R, T> extends SocketMatchers<R> {}
  }
}

const runner = Object.create(globalThis) as {
  readonly expect?: { extend?(matchers: typeof socketMatchers): void };
};
runner.expect?.extend?.(socketMatchers);
