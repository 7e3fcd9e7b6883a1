import type { ServerResponse } from 'node:http';
import { WebhookEndpoint } from '../../../support/webhook-endpoint.js';
import { APP, channelsOf, occupied, startWebhooks } from './support.js';

const never = () => undefined;
const breaksOff = (response: ServerResponse) => {
  response.socket?.destroy();
};

test.each([
  ['an error', 500, 'answered with 500'],
  ['a refusal', 404, 'answered with 404'],
  ['a redirect, which is not followed', redirect, 'answered with 307'],
  ['no answer in time', never, 'no answer within 250 ms'],
  ['a connection that breaks', breaksOff, 'ECONNRESET'],
])('%s is tried again, with the same bytes', async (_name, answer, problem) => {
  const endpoint = await WebhookEndpoint.start(APP);
  endpoint.answers.push(answer, answer);
  const { source, log, sender } = startWebhooks({ urls: [endpoint.url] }, { requestMs: 250 });
  source.emit({ name: 'channel_occupied', channel: 'a' });
  const attempts = [await endpoint.next(), await endpoint.next(), await endpoint.next()];
  expect(new Set(attempts.map(({ raw }) => raw)).size).toBe(1);
  expect(attempts.map(({ url }) => url)).toEqual(['/hook', '/hook', '/hook']);
  expect(await log.next()).toBe(`warn: Webhook ${endpoint.url} fails and is tried again: ${problem}`);
  expect(await log.next()).toBe(`log: Webhook ${endpoint.url} works again`);
  expect(sender.statistics).toEqual([{ url: endpoint.url, waiting: 0, delivered: 1, lost: 0 }]);
});

function redirect(response: ServerResponse): void {
  response.writeHead(307, { Location: '/elsewhere' }).end();
}

test('a receiver that is not there yet gets its events, in order, when it comes', async () => {
  const gone = await WebhookEndpoint.start(APP);
  const { port, url } = gone;
  await gone.stop();
  const { source, log } = startWebhooks({ urls: [url] });
  for (const event of occupied(150)) source.emit(event);
  expect(await log.next()).toBe(`warn: Webhook ${url} fails and is tried again: ECONNREFUSED`);
  for (const event of occupied(150, 151)) source.emit(event);
  const endpoint = await WebhookEndpoint.start(APP, port);
  expect(channelsOf(await endpoint.events(300))).toEqual(channelsOf(occupied(300)));
});

test('nothing overtakes a batch that is tried again', async () => {
  const endpoint = await WebhookEndpoint.start(APP);
  endpoint.answers.push(503, 200, never, 503, 200, breaksOff, 200);
  const { source } = startWebhooks({ urls: [endpoint.url] }, { batchEvents: 1, requestMs: 250 });
  for (const event of occupied(3)) source.emit(event);
  expect(channelsOf(await endpoint.events(7))).toEqual(['c1', 'c1', 'c2', 'c2', 'c2', 'c3', 'c3']);
  expect(endpoint.concurrency).toBe(1);
});

test('an answer counts as soon as its status is there, however long its body goes on', async () => {
  const endpoint = await WebhookEndpoint.start(APP);
  endpoint.answers.push((response) => response.writeHead(200).write('and so on'));
  const { source, sender } = startWebhooks({ urls: [endpoint.url] }, { batchEvents: 1, requestMs: 250 });
  for (const event of occupied(2)) source.emit(event);
  expect(channelsOf(await endpoint.events(2))).toEqual(['c1', 'c2']);
  await sender.close();
  expect(sender.statistics).toMatchObject([{ delivered: 2, lost: 0 }]);
});

test('after its time a batch is given up, counted, and told once with what was lost; the next one has its chance', async () => {
  const endpoint = await WebhookEndpoint.start(APP);
  endpoint.answers.push(...Array<number>(1_000).fill(500));
  const { source, log, sender } = startWebhooks({ urls: [endpoint.url] }, { retryMs: 40 });
  for (const event of occupied(2)) source.emit(event);
  source.emit({ name: 'member_added', channel: 'presence-a', user_id: '7' });
  expect(await log.next()).toMatch(/^warn: .* fails and is tried again: answered with 500$/);
  expect(await log.next()).toBe(
    `error: Webhook ${endpoint.url} has lost 2 channel_occupied, 1 member_added: answered with 500`,
  );
  expect(sender.statistics).toEqual([{ url: endpoint.url, waiting: 0, delivered: 0, lost: 3 }]);
  endpoint.answers.length = 0;
  source.emit({ name: 'channel_vacated', channel: 'c1' });
  expect(await log.next()).toBe(`log: Webhook ${endpoint.url} works again`);
  expect(sender.statistics).toMatchObject([{ delivered: 1, lost: 3 }]);
});
