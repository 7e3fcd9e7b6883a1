import { jest } from '@jest/globals';
import { keepTrying } from '../../src/browser/keep-trying.js';
import type { PusherLike } from '../../src/browser/pusher-like.js';

/** As much of the inside of `pusher-js` as is used; a test says what becomes of each try. */
function startStub(state = 'connecting') {
  const handlers: (() => void)[] = [];
  const events: { cid?: number; state?: string }[] = [{ cid: 1, state: 'connecting' }];
  const connection = {
    state,
    runner: {} as object | null,
    bind: (_: string, handler: () => void) => void handlers.push(handler),
    unbind: () => undefined,
    abortConnecting: jest.fn(),
    clearRetryTimer: jest.fn(),
    retryIn: jest.fn(),
    startConnecting: jest.fn(() => void events.push({ cid: 100 + events.length, state: 'connecting' })),
  };
  const pusher = { connection, timeline: { events } };
  return {
    pusher,
    tries: () => connection.startConnecting.mock.calls.length,
    fails: () => void events.push({ cid: events.at(-1)?.cid ?? 0, state: 'closed' }),
    goes: (next: string) => {
      connection.state = next;
      for (const handler of handlers) handler();
    },
    keepTrying: () => {
      keepTrying(pusher as unknown as PusherLike);
    },
  };
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

test('a try that has failed is followed by another, soon at first and seldom after a long time', () => {
  jest.spyOn(Math, 'random').mockReturnValue(0.5);
  const stub = startStub();
  stub.keepTrying();
  const moments: number[] = [];
  for (let at = 50; moments.length < 20; at += 50) {
    if (stub.tries() === moments.length) stub.fails();
    jest.advanceTimersByTime(50);
    if (stub.tries() > moments.length) moments.push(at);
  }
  const waits = moments.map((at, index) => at - (moments[index - 1] ?? 0));
  expect(waits[0]).toBeLessThan(1_000);
  // Never longer than the gateway has been away, and never longer than pusher-js itself waits at first.
  waits.forEach((wait, index) => {
    expect(wait).toBeLessThanOrEqual(Math.max(moments[index - 1] ?? 0, 1_100));
    expect(wait).toBeLessThanOrEqual(15_100);
  });
  expect(waits.at(-1)).toBeGreaterThan(14_000);
});

test('pages do not try at the same moments', () => {
  const moments = [1, 2, 3, 4].map(() => {
    const stub = startStub();
    stub.keepTrying();
    stub.fails();
    let at = 0;
    for (; stub.tries() === 0; at++) jest.advanceTimersByTime(1);
    return at;
  });
  expect(new Set(moments).size).toBeGreaterThan(1);
});

test('a try that is still going on is left alone, and so is the time between two tries of pusher-js', () => {
  const stub = startStub();
  stub.keepTrying();
  jest.advanceTimersByTime(60_000);
  expect(stub.tries()).toBe(0);
  stub.fails();
  stub.pusher.connection.runner = null;
  jest.advanceTimersByTime(60_000);
  expect(stub.tries()).toBe(0);
});

test.each(['connected', 'disconnected', 'failed'])('nothing is tried while it is %s', (state) => {
  const stub = startStub();
  stub.keepTrying();
  stub.fails();
  stub.goes(state);
  jest.advanceTimersByTime(60_000);
  expect(stub.tries()).toBe(0);
  expect(jest.getTimerCount()).toBe(0);
});

test('it is tried again while it is unavailable, and again soon after a connection', () => {
  const stub = startStub('connected');
  stub.keepTrying();
  expect(jest.getTimerCount()).toBe(0);
  stub.fails();
  stub.goes('connecting');
  stub.goes('unavailable');
  jest.advanceTimersByTime(1_200);
  expect(stub.tries()).toBe(1);
});

test('a pusher-js with another inside keeps its own pace', () => {
  for (const change of [
    { connection: { startConnecting: undefined } },
    { connection: { abortConnecting: undefined } },
    { connection: { clearRetryTimer: undefined } },
    { connection: { retryIn: undefined } },
    { timeline: undefined },
    { timeline: {} },
  ]) {
    const { pusher } = startStub();
    Object.assign(pusher.connection, change.connection);
    if ('timeline' in change) Object.assign(pusher, { timeline: change.timeline });
    keepTrying(pusher as unknown as PusherLike);
    expect(jest.getTimerCount()).toBe(0);
  }
});
