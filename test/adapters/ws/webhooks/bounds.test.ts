import { WebhookEndpoint } from '../../../support/webhook-endpoint.js';
import { APP, channelsOf, occupied, startWebhooks } from './support.js';

const never = () => undefined;

test('a full queue drops its oldest events, counts them, and tells so when it begins and when it is over', async () => {
  const endpoint = await WebhookEndpoint.start(APP);
  endpoint.answers.push(500);
  const { source, log, sender } = startWebhooks({ urls: [endpoint.url] }, { queuedEvents: 10 });
  for (const event of occupied(15)) source.emit(event);
  expect(log.lines).toEqual([
    `warn: Webhook ${endpoint.url} does not keep up: its oldest events are dropped`,
  ]);
  expect(sender.statistics).toMatchObject([{ waiting: 10, lost: 5 }]);
  await endpoint.next();
  expect(channelsOf((await endpoint.next()).events)).toEqual(channelsOf(occupied(10, 6)));
  await sender.close();
  expect(sender.statistics).toMatchObject([{ waiting: 0, delivered: 10, lost: 5 }]);
  expect(log.lines.slice(1)).toEqual([
    `warn: Webhook ${endpoint.url} fails and is tried again: answered with 500`,
    `log: Webhook ${endpoint.url} works again`,
    `error: Webhook ${endpoint.url} has lost 5 channel_occupied: too many were waiting`,
  ]);
});

test('the queue is bounded in bytes too', async () => {
  const endpoint = await WebhookEndpoint.start(APP);
  const { source, sender } = startWebhooks({ urls: [endpoint.url] }, { queuedBytes: 100_000 });
  const data = 'x'.repeat(10_000);
  for (let n = 0; n < 30; n++) {
    source.emit({ name: 'client_event', channel: `private-${n}`, event: 'client-a', socket_id: '1.2', data });
  }
  expect(sender.statistics).toMatchObject([{ waiting: 9, lost: 21 }]);
  expect(channelsOf(await endpoint.events(9))[0]).toBe('private-21');
});

test('closing delivers what waits, a batch in the middle of its retries too, and releases every connection', async () => {
  const endpoint = await WebhookEndpoint.start(APP);
  endpoint.answers.push(500);
  const limits = { firstRetryMs: 3_600_000, longestRetryMs: 3_600_000, batchEvents: 2 };
  const { source, log, sender } = startWebhooks({ urls: [endpoint.url] }, limits);
  for (const event of occupied(5)) source.emit(event);
  await log.next();
  await sender.close();
  expect(channelsOf(await endpoint.events(7))).toEqual(['c1', 'c2', 'c1', 'c2', 'c3', 'c4', 'c5']);
  expect(sender.statistics).toMatchObject([{ waiting: 0, delivered: 5, lost: 0 }]);
  await endpoint.released();
});

test('closing sends what was still being gathered, and hears no more events', async () => {
  const endpoint = await WebhookEndpoint.start(APP);
  const { source, sender } = startWebhooks({ urls: [endpoint.url] }, { gatherMs: 3_600_000 });
  source.emit({ name: 'channel_occupied', channel: 'a' });
  const closed = sender.close();
  source.emit({ name: 'channel_occupied', channel: 'b' });
  await closed;
  expect(channelsOf((await endpoint.next()).events)).toEqual(['a']);
  expect(sender.statistics).toMatchObject([{ waiting: 0, delivered: 1, lost: 0 }]);
});

test('closing does not wait for a receiver that hangs: what waits is lost, counted, and told', async () => {
  const endpoint = await WebhookEndpoint.start(APP);
  endpoint.answers.push(never, never);
  const { source, log, sender } = startWebhooks({ urls: [endpoint.url] }, { closeMs: 20, batchEvents: 1 });
  for (const event of occupied(5)) source.emit(event);
  await endpoint.next();
  await sender.close();
  expect(log.lines.at(-1)).toBe(
    `error: Webhook ${endpoint.url} has lost 5 channel_occupied: the gateway is closing`,
  );
  expect(sender.statistics).toMatchObject([{ waiting: 0, delivered: 0, lost: 5 }]);
  await endpoint.released();
});

test('closing tries a receiver that refuses once more, and not with every batch', async () => {
  const endpoint = await WebhookEndpoint.start(APP);
  endpoint.answers.push(500, 500, 500);
  const limits = { firstRetryMs: 3_600_000, longestRetryMs: 3_600_000, batchEvents: 1 };
  const { source, log, sender } = startWebhooks({ urls: [endpoint.url] }, limits);
  for (const event of occupied(50)) source.emit(event);
  await log.next();
  await sender.close();
  expect(log.lines.slice(1)).toEqual([
    `error: Webhook ${endpoint.url} has lost 50 channel_occupied: answered with 500`,
  ]);
  expect(endpoint.answers).toEqual([500]);
});
