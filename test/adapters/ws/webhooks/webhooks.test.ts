import type { ChannelEvent } from '../../../../src/ports/channel-events.js';
import { WebhookEndpoint } from '../../../support/webhook-endpoint.js';
import { APP, channelsOf, occupied, startWebhooks } from './support.js';

const EVERY_EVENT: readonly ChannelEvent[] = [
  { name: 'channel_occupied', channel: 'presence-a' },
  { name: 'member_added', channel: 'presence-a', user_id: 'ünï' },
  {
    name: 'client_event',
    channel: 'presence-a',
    event: 'client-typing',
    data: '{"on":"✓"}',
    socket_id: '1.2',
    user_id: 'ünï',
  },
  { name: 'cache_miss', channel: 'cache-a' },
  { name: 'subscription_count', channel: 'cache-a', subscription_count: 3 },
  { name: 'member_removed', channel: 'presence-a', user_id: 'ünï' },
  { name: 'channel_vacated', channel: 'presence-a' },
];

test('a webhook is what Pusher posts: its body, its headers, and a signature that the SDK accepts', async () => {
  const endpoint = await WebhookEndpoint.start(APP);
  const { source } = startWebhooks({ urls: [endpoint.url] });
  const before = Date.now();
  for (const event of EVERY_EVENT) source.emit(event);
  const webhook = await endpoint.next();
  expect(webhook.isValid).toBe(true);
  expect(webhook.events).toEqual(EVERY_EVENT);
  expect(webhook.timeMs).toBeGreaterThanOrEqual(before);
  expect(webhook.timeMs).toBeLessThanOrEqual(Date.now());
  expect(Object.keys(JSON.parse(webhook.raw) as object)).toEqual(['time_ms', 'events']);
  expect(webhook.headers).toMatchObject({
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(webhook.raw)),
    'x-pusher-key': APP.key,
  });
});

test('the events of one moment go in batches of at most a hundred, in order', async () => {
  const endpoint = await WebhookEndpoint.start(APP);
  const { source } = startWebhooks({ urls: [endpoint.url] });
  const events = occupied(250);
  for (const event of events) source.emit(event);
  const batches = [await endpoint.next(), await endpoint.next(), await endpoint.next()];
  expect(batches.map((batch) => batch.events.length)).toEqual([100, 100, 50]);
  expect(batches.flatMap((batch) => batch.events)).toEqual(events);
  expect(batches.map(({ isValid }) => isValid)).toEqual([true, true, true]);
  expect(endpoint.concurrency).toBe(1);
  expect(endpoint.connections.size).toBe(1);
});

test('large events make small batches, and one that is larger than a batch goes alone', async () => {
  const endpoint = await WebhookEndpoint.start(APP);
  const { source } = startWebhooks({ urls: [endpoint.url] }, { batchBytes: 1_000 });
  const sizes = [10, 5_000, 400, 400, 400];
  sizes.forEach((size, index) => {
    source.emit({ name: 'channel_occupied', channel: `${index}`.padEnd(size, 'x') });
  });
  const batches = [
    await endpoint.next(),
    await endpoint.next(),
    await endpoint.next(),
    await endpoint.next(),
  ];
  expect(batches.map(({ events }) => channelsOf(events).map(({ length }) => length))).toEqual([
    [10],
    [5_000],
    [400, 400],
    [400],
  ]);
});

test('only the events that are asked for are posted', async () => {
  const endpoint = await WebhookEndpoint.start(APP);
  const { source } = startWebhooks({
    urls: [endpoint.url],
    events: ['channel_occupied', 'channel_vacated'],
  });
  for (const event of EVERY_EVENT) source.emit(event);
  expect((await endpoint.next()).events.map(({ name }) => name)).toEqual([
    'channel_occupied',
    'channel_vacated',
  ]);
});

test('every URL has its own pace: one that never answers keeps nobody waiting', async () => {
  const [dead, alive] = [await WebhookEndpoint.start(APP), await WebhookEndpoint.start(APP)];
  dead.answers.push(() => undefined);
  const { source, sender } = startWebhooks({ urls: [dead.url, alive.url, alive.url] });
  for (const event of occupied(3)) source.emit(event);
  await dead.next();
  expect(channelsOf(await alive.events(3))).toEqual(['c1', 'c2', 'c3']);
  for (const event of occupied(1_000, 4)) source.emit(event);
  expect(channelsOf(await alive.events(1_000))).toEqual(channelsOf(occupied(1_000, 4)));
  // It is listed twice, and heard once.
  expect(sender.statistics).toHaveLength(2);
  expect(sender.statistics[0]).toMatchObject({ url: dead.url, delivered: 0, lost: 0 });
});

test('credentials and query of the URL are sent and never logged', async () => {
  const endpoint = await WebhookEndpoint.start(APP);
  endpoint.answers.push(500);
  const url = `http://user:pass-word@127.0.0.1:${endpoint.port}/hook?token=hidden`;
  const { source, log, sender } = startWebhooks({ urls: [url] });
  source.emit({ name: 'channel_occupied', channel: 'a' });
  await endpoint.next();
  const { headers, url: path } = await endpoint.next();
  expect(path).toBe('/hook?token=hidden');
  expect(headers.authorization).toBe(`Basic ${Buffer.from('user:pass-word').toString('base64')}`);
  expect([await log.next(), await log.next()]).toEqual([
    `warn: Webhook ${endpoint.url} fails and is tried again: answered with 500`,
    `log: Webhook ${endpoint.url} works again`,
  ]);
  expect(JSON.stringify([log.lines, sender.statistics])).not.toMatch(/pass-word|hidden|the-secret/);
});
