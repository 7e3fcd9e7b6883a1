import fc from 'fast-check';
import { Dispatch, type Post } from '../../../../src/adapters/pusher/requests/dispatch.js';
import { type PlannedRequest, planRequests } from '../../../../src/adapters/pusher/requests/request-plan.js';

const BATCHED = { eventsPerBatch: 10, mergesRelays: true };
const CALL_BY_CALL = { eventsPerBatch: 1, mergesRelays: false };

type Posted = readonly [event: string | undefined, channels: readonly string[]];

/** The queues of the channels after these calls. */
function queuesAfter(calls: readonly Posted[]): Post[][] {
  const queues = new Map<string, Post[]>();
  for (const [name, channels] of calls) {
    const event = name === undefined ? undefined : { name, data: '', exceptSocketId: undefined };
    const dispatch = new Dispatch(
      [...new Set(channels)].map((channel) => ({ channel, recipient: channel })),
      event,
    );
    for (const post of dispatch.posts) {
      const queue = queues.get(post.channel);
      if (queue === undefined) queues.set(post.channel, [post]);
      else queue.push(post);
    }
  }
  return [...queues.values()];
}

const shown = (requests: readonly PlannedRequest[]) =>
  requests.map((request) => request.map(({ channel, event }) => `${event?.name ?? 'end'}@${channel}`));
const channels = (count: number, prefix = 'c') =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);
const sizes = (requests: readonly PlannedRequest[]) => requests.map(({ length }) => length);

describe('the plan of what leaves together', () => {
  test('makes a hundred channels a request for one event, from however many calls', () => {
    const calls = channels(1_000).map((channel): Posted => ['E', [channel]]);
    expect(sizes(planRequests(queuesAfter(calls), BATCHED))).toEqual(Array(10).fill(100));
    expect(sizes(planRequests(queuesAfter(calls), CALL_BY_CALL))).toEqual(Array(1_000).fill(1));
  });

  test('puts ten different events into a batch', () => {
    const calls = channels(1_000).map((channel): Posted => [`E-${channel}`, [channel]]);
    expect(sizes(planRequests(queuesAfter(calls), BATCHED))).toEqual(Array(100).fill(10));
  });

  test('puts what is left over of a large group into the batches, where it takes less room', () => {
    const calls: Posted[] = [['ALL', channels(104)], ...channels(6, 'x').map((c): Posted => [`E-${c}`, [c]])];
    expect(sizes(planRequests(queuesAfter(calls), BATCHED))).toEqual([100, 10]);
  });

  test('keeps a group of ten together, and puts a smaller one into a batch', () => {
    expect(
      sizes(
        planRequests(
          queuesAfter([
            ['TEN', channels(10)],
            ['NINE', channels(9, 'x')],
            ['ONE', ['y']],
          ]),
          BATCHED,
        ),
      ),
    ).toEqual([10, 10]);
  });

  test('does not put into batches what can go to all channels at once a little later', () => {
    const own = channels(20).map((channel): Posted => [`E-${channel}`, [channel]]);
    const queues = queuesAfter([...own, ['ALL', channels(20)]]);

    const requests = planRequests(queues, BATCHED);

    expect(sizes(requests)).toEqual([10, 10]);
    expect(shown(requests).flat()).not.toContain('ALL@c0');
  });

  test('does not tear apart what is for one channel, so that it does not arrive in two round trips', () => {
    const calls = ['A', 'B', 'C', 'D'].flatMap((name) =>
      channels(5).map((channel): Posted => [`${name}-${channel}`, [channel]]),
    );
    expect(shown(planRequests(queuesAfter(calls), BATCHED))).toEqual([
      ['c0', 'c1'].flatMap((c) => ['A', 'B', 'C', 'D'].map((name) => `${name}-${c}@${c}`)),
      ['c2', 'c3'].flatMap((c) => ['A', 'B', 'C', 'D'].map((name) => `${name}-${c}@${c}`)),
      ['A-c4@c4', 'B-c4@c4', 'C-c4@c4', 'D-c4@c4'],
    ]);
  });

  test('ends a member’s connections in a request of its own, and leaves what comes behind it', () => {
    const calls: Posted[] = [
      ['BYE', ['a']],
      [undefined, ['a']],
      [undefined, ['b']],
      ['HI', ['b']],
    ];
    expect(shown(planRequests(queuesAfter(calls), BATCHED))).toEqual([['end@b'], ['BYE@a']]);
  });

  const posted = fc.tuple(
    fc.option(fc.constantFrom('A', 'B', 'C', 'D', 'E', 'F', 'G'), { nil: undefined, freq: 8 }),
    fc.array(fc.nat(150).map(String), { minLength: 1, maxLength: 130 }),
  );
  test('takes from every queue its front, in one request only, and keeps the limits', () => {
    fc.assert(
      fc.property(
        fc.array(posted, { maxLength: 25 }),
        fc.constantFrom(BATCHED, CALL_BY_CALL, { eventsPerBatch: 1, mergesRelays: true }),
        (calls, options) => {
          const queues = queuesAfter(calls);
          const requests = planRequests(queues, options);
          for (const request of requests) {
            const isOneEvent =
              new Set(request.map(({ event }) => event?.name)).size === 1 &&
              new Set(request.map(({ channel }) => channel)).size === request.length;
            expect(request.length).toBeLessThanOrEqual(isOneEvent ? 100 : options.eventsPerBatch);
            if (request.length > 1) {
              expect(request.every(({ event }) => event !== undefined)).toBe(true);
            }
          }
          for (const queue of queues) {
            const taking = requests.filter((request) =>
              request.some(({ channel }) => channel === queue[0]?.channel),
            );
            expect(taking).toHaveLength(1);
            const taken = taking.flat().filter(({ channel }) => channel === queue[0]?.channel);
            expect(taken).toEqual(queue.slice(0, taken.length));
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
