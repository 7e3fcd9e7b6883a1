import { type ChannelEventName, SocketService } from 'nestjs-switchboard';
import type { ChannelEvent } from '../../../../src/ports/channel-events.js';
import { DEVELOPMENT_APP } from '../../../../src/settings/app.js';
import { EventQueue } from '../../../support/event-queue.js';
import { Host } from '../../../support/host.js';
import { startHost } from '../../../support/hosts.js';
import { WebhookEndpoint } from '../../../support/webhook-endpoint.js';

const start = (urls: readonly string[], events: readonly ChannelEventName[] = []) =>
  Host.start({ webhooks: { urls, events, privateTargets: true }, gateway: { presenceGraceMs: 0 } });

test('the gateway posts what happens on its channels, and on its way out what closing does', async () => {
  const endpoint = await WebhookEndpoint.start(DEVELOPMENT_APP);
  const host = await start([endpoint.url]);
  const client = host.raw();
  await client.greeted();
  client.say('pusher:subscribe', { channel: 'news' });
  const webhook = await endpoint.next();
  expect(webhook.isValid).toBe(true);
  expect(webhook.events).toEqual([{ name: 'channel_occupied', channel: 'news' }]);
  await host.close();
  expect((await endpoint.next()).events).toEqual([{ name: 'channel_vacated', channel: 'news' }]);
  await endpoint.released();
});

test('another backend, on pusher, hears them as its own', async () => {
  const other = await startHost({
    provider: 'pusher',
    app: DEVELOPMENT_APP,
    pusher: { host: '127.0.0.1', port: 1 },
  });
  const heard = new EventQueue<Partial<ChannelEvent>>();
  const service = other.app.get(SocketService);
  service.onChannelEvent('channel_occupied', (event) => {
    heard.push(event);
  });
  const host = await start([`${other.url}/socket/webhook`]);
  const client = host.raw();
  await client.greeted();
  client.say('pusher:subscribe', { channel: 'news' });
  expect(await heard.next()).toEqual({ name: 'channel_occupied', channel: 'news' });
});

test('a receiver that hangs is not in the way of the gateway', async () => {
  const endpoint = await WebhookEndpoint.start(DEVELOPMENT_APP);
  endpoint.answers.push(...Array<() => void>(10).fill(() => undefined));
  const host = await start([endpoint.url]);
  const client = host.raw();
  await client.greeted();
  client.say('pusher:subscribe', { channel: 'news' });
  await client.next();
  await endpoint.next();
  for (let n = 0; n < 100; n++) client.say('pusher:subscribe', { channel: `news-${n}` });
  for (let n = 0; n < 100; n++) expect(await client.next()).toMatchObject({ channel: `news-${n}` });
  await client.isAnswered();
});
