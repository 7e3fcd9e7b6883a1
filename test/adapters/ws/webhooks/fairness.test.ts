import { DEFAULT_WEBHOOK_LIMITS } from '../../../../src/adapters/ws/webhooks/webhook-limits.js';
import { queuedEvent, WebhookQueue } from '../../../../src/adapters/ws/webhooks/webhook-queue.js';
import type { ChannelEvent } from '../../../../src/ports/channel-events.js';
import { WebhookEndpoint } from '../../../support/webhook-endpoint.js';
import { APP, channelsOf, occupied, startWebhooks } from './support.js';

// Anybody who may subscribe to public channels can cause as many events of them as the queue holds, and more.

const HONEST: readonly ChannelEvent[] = [
  { name: 'channel_occupied', channel: 'presence-room' },
  { name: 'member_added', channel: 'presence-room', user_id: 'ann' },
  { name: 'client_event', channel: 'presence-room', event: 'client-a', socket_id: '1.2', user_id: 'ann' },
  { name: 'cache_miss', channel: 'private-cache-prices' },
  { name: 'member_removed', channel: 'presence-room', user_id: 'ann' },
  { name: 'channel_vacated', channel: 'presence-room' },
];

const FLOODS: readonly (readonly [string, (n: number) => ChannelEvent[]])[] = [
  ['channels that are occupied', (n) => [{ name: 'channel_occupied', channel: `made-up-${n}` }]],
  [
    'channels that are occupied and vacated',
    (n) => [
      { name: 'channel_occupied', channel: `made-up-${n}` },
      { name: 'channel_vacated', channel: `made-up-${n}` },
    ],
  ],
  [
    'cache channels',
    (n) => [
      { name: 'channel_occupied', channel: `cache-${n}` },
      { name: 'cache_miss', channel: `cache-${n}` },
    ],
  ],
  ['counts', (n) => [{ name: 'subscription_count', channel: 'made-up', subscription_count: n }]],
];

test.each(FLOODS)(
  'a stranger’s flood of %s takes the place of no event that strangers cannot bring about',
  async (_, flood) => {
    const endpoint = await WebhookEndpoint.start(APP);
    endpoint.answers.push(500);
    const { source, sender } = startWebhooks({ urls: [endpoint.url] }, { queuedEvents: 50, gatherMs: 50 });
    const flooded = (from: number) => {
      for (let n = from; n < from + 200; n++) for (const event of flood(n)) source.emit(event);
    };
    flooded(0);
    for (const event of HONEST) {
      source.emit(event);
      flooded(200);
    }
    await endpoint.next();
    const events = await endpoint.events(50);
    expect(events.filter(({ channel }) => /^p/.test(channel))).toEqual(HONEST);
    await sender.close();
  },
);

describe('A full queue', () => {
  const queueOf = (queuedEvents: number, more: object = {}) =>
    new WebhookQueue({ ...DEFAULT_WEBHOOK_LIMITS, queuedEvents, ...more });
  const fills = (queue: WebhookQueue, events: readonly ChannelEvent[]) =>
    events.flatMap((event) => queue.add(queuedEvent(event)));
  const contentOf = (queue: WebhookQueue) =>
    queue.takeAll().map(({ json }) => JSON.parse(json) as ChannelEvent);

  test('loses the oldest of the kind of which the most wait', () => {
    const queue = queueOf(4);
    const dropped = fills(queue, [...HONEST.slice(1, 2), ...occupied(5)]);
    expect(dropped.map(({ json }) => JSON.parse(json) as ChannelEvent)).toEqual(occupied(2));
    expect(contentOf(queue)).toEqual([...HONEST.slice(1, 2), ...occupied(3, 3)]);
    expect(queue.size).toBe(0);
  });

  test('is told last how things are on a channel: its coming and its going are of one kind', () => {
    const queue = queueOf(3);
    const moves: ChannelEvent[] = [
      { name: 'channel_occupied', channel: 'a' },
      { name: 'channel_vacated', channel: 'b' },
      { name: 'channel_vacated', channel: 'c' },
      { name: 'channel_vacated', channel: 'a' },
      { name: 'channel_vacated', channel: 'd' },
    ];
    fills(queue, moves);
    expect(contentOf(queue)).toEqual(moves.slice(2));
  });

  test('by its bytes, loses the kind that has the most of them', () => {
    const queue = queueOf(100, { queuedBytes: 3_000 });
    const long: ChannelEvent = {
      ...{ name: 'client_event', channel: 'private-a', event: 'client-a', socket_id: '1.2' },
      data: 'x'.repeat(1_000),
    };
    const dropped = fills(queue, [long, ...occupied(10), long, long, long]);
    expect(dropped.map(({ name }) => name)).toEqual(['client_event', 'client_event']);
    expect(channelsOf(contentOf(queue))).toEqual([...channelsOf(occupied(10)), 'private-a', 'private-a']);
  });

  test('gives batches in the order in which things happened, whatever their kinds', () => {
    const queue = queueOf(100, { batchEvents: 3 });
    const events = [...HONEST, ...occupied(2), ...HONEST];
    fills(queue, events);
    const batches: ChannelEvent[][] = [];
    while (queue.size > 0)
      batches.push(queue.takeBatch().map(({ json }) => JSON.parse(json) as ChannelEvent));
    expect(batches.map(({ length }) => length)).toEqual([3, 3, 3, 3, 2]);
    expect(batches.flat()).toEqual(events);
  });

  test('holds no more than it may of 100,000 events of every kind, in a moment', () => {
    const queue = queueOf(10_000);
    const began = performance.now();
    for (let n = 0; n < 100_000; n++)
      queue.add(queuedEvent(HONEST[n % HONEST.length] ?? { name: 'channel_occupied', channel: 'a' }));
    expect(queue.size).toBe(10_000);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});
