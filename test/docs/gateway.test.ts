import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { type INestApplication, Logger } from '@nestjs/common';
import { WebSocket } from 'ws';
import { socketConfig } from '../../src/config/socket-config.js';
import { Host } from '../support/host.js';
import { openBrowser, subscribed } from '../support/pusher-browser.js';
import { onTeardown } from '../support/teardown.js';
import { usePage } from './support/page.js';
import { tableIn } from './support/table.js';

const page = usePage('docs/gateway.md');

Logger.overrideLogger(false);

test('a path that nobody serves is told 4005, and closed with it', async () => {
  const host = await Host.start();
  const client = host.raw('/nowhere');
  expect(await client.next()).toMatchObject({ event: 'pusher:error', data: { code: 4005 } });
  expect(await client.closed).toMatchObject({ code: 4005 });
});

test('every proxy of the page has an idle limit that the default activity timeout stays well below', () => {
  const { activityTimeoutS } = socketConfig({}).gateway;
  const limits = tableIn(page.text, 'proxy or platform').map(([, seconds]) => Number(seconds));
  expect(limits.length).toBeGreaterThan(5);
  // The sweep takes a second, and a page in the background may ping some seconds late.
  expect(Math.min(...limits)).toBeGreaterThan(activityTimeoutS + 15);
  expect(page.text).toContain(`is ${activityTimeoutS} seconds so that`);
});

test('every origin of the page is one that the setting takes', () => {
  const cells = tableIn(page.text, 'page').map(([, entries = '']) => entries);
  const entries = cells.flatMap((cell) => cell.match(/(?:[a-z-]+:\/\/[^\s,]*|null)/g) ?? []);
  expect(entries.length).toBeGreaterThan(10);
  const given = entries.map((entry) => entry.replace('<id>', 'abc'));
  const { allowedOrigins } = socketConfig({ SOCKET_ALLOWED_ORIGINS: given.join(',') }).gateway;
  expect(allowedOrigins).toHaveLength(entries.length);
});

test('the gateway and an application’s own gateway work beside each other', async () => {
  await page.run('app.module.ts');
  await page.run('prices.gateway.ts');
  const { bootstrap } = await page.run<{ bootstrap: (port: number) => Promise<INestApplication> }>(
    'bootstrap.ts',
  );
  const app = await bootstrap(0);
  onTeardown(() => app.close());
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();

  const own = new WebSocket(`ws://localhost:${String(port)}/prices`);
  const answer = new Promise((resolve, reject) => {
    own.on('error', reject);
    own.on('message', (data: Buffer) => {
      resolve(JSON.parse(data.toString()));
    });
  });
  own.on('open', () => {
    own.send('{"event":"price"}');
  });
  expect(await answer).toEqual({ event: 'price', data: 42 });
  own.close();

  const [ada, alan] = [
    await openBrowser(`http://localhost:${String(port)}`, 'ada'),
    await openBrowser(`http://localhost:${String(port)}`, 'alan'),
  ];
  onTeardown(() => {
    ada.leave();
    alan.leave();
  });
  const lobby = ada.socket.channel('presence-lobby');
  await subscribed(lobby);
  await alan.subscribe('presence-lobby');
  lobby.trigger('client-said', { text: 'hi' });
  expect(await alan.next()).toEqual({ event: 'client-said', payload: { text: 'hi' } });
});
