import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { type INestApplication, Logger, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { SocketIoClient, SwitchboardSocket } from 'nestjs-switchboard/browser';
import type { Socket } from 'socket.io-client';
import { pageOf } from '../adapters/socket-io/support.js';
import { Cluster } from '../support/cluster/cluster.js';
import { EventQueue } from '../support/event-queue.js';
import { nginxPort, startNginxWith } from '../support/nginx.js';
import { TRANSPORTS } from '../support/socket-io-browser.js';
import { onTeardown } from '../support/teardown.js';
import { blockThatBegins, usePage } from './support/page.js';

const page = usePage('docs/socket-io.md');

Logger.overrideLogger(false);

async function start(): Promise<string> {
  for (const file of ['events.ts', 'greeting.ts', 'announcements.controller.ts', 'chat-room.ts'])
    await page.run(file);
  const { AppModule } = await page.run<{ AppModule: Type }>('app.module.ts');
  const app: INestApplication = await NestFactory.create(AppModule);
  await app.listen(0, '127.0.0.1');
  onTeardown(() => app.close());
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  return `http://127.0.0.1:${String(port)}`;
}

interface Chat {
  readonly join: (url: string, token: string, room: string, show: (line: string) => void) => Socket;
  readonly say: (socket: Socket, room: string, text: string) => void;
}

async function joining(url: string, token: string, room = 'hall') {
  const { join, say } = await page.run<Chat>('chat.browser.ts');
  const lines = new EventQueue<{ line: string }>();
  const socket = join(url, token, room, (line) => {
    lines.push({ line });
  });
  onTeardown(() => socket.disconnect());
  const next = async () => (await lines.next()).line;
  return {
    next,
    leave: () => socket.disconnect(),
    say: (text: string) => {
      say(socket, room, text);
    },
  };
}

test('the server greets whoever comes, and a chat has its members', async () => {
  const url = await start();
  const ada = await joining(url, 'ada');
  expect(new Set([await ada.next(), await ada.next()])).toEqual(
    new Set(['Welcome, ada', 'in the room: ada']),
  );
  const alan = await joining(url, 'alan');
  expect(new Set([await alan.next(), await alan.next()])).toEqual(
    new Set(['Welcome, alan', 'in the room: ada, alan']),
  );
  expect(await ada.next()).toBe('alan came');
  ada.say('hello');
  expect(await alan.next()).toBe('ada in presence-chat.hall: hello');
});

test('a broadcast by the route is heard by every page', async () => {
  const url = await start();
  const pages = await Promise.all(['ada', 'alan'].map((id) => joining(url, id, id)));
  for (const each of pages) await each.next();
  await fetch(`${url}/broadcast`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ message: 'lunch' }),
  });
  for (const each of pages) expect(await each.next()).toBe('everybody: lunch');
});

test('strangers to a room, and to the application, are told', async () => {
  const url = await start();
  expect(await (await joining(url, 'ada', 'alans-room')).next()).toBe('refused: CHANNEL_REFUSED');
  expect(await (await joining(url, '?')).next()).toMatch(/^not connected: The caller is not known/);
});

test('the browser helper gives the methods of pusher-js', async () => {
  const url = await start();
  const { open } = await page.run<{
    readonly open: (
      url: string,
      token: string,
      show: (line: string) => void,
    ) => Promise<SwitchboardSocket<SocketIoClient>>;
  }>('helper.browser.ts');
  const lines = new EventQueue<{ line: string }>();
  const socket = await open(url, 'ada', (line) => {
    lines.push({ line });
  });
  onTeardown(() => {
    socket.disconnect();
  });
  await new Promise<void>((resolve) => {
    socket.channel('presence-chat.hall').bind('pusher:subscription_succeeded', () => {
      resolve();
    });
  });
  await joining(url, 'alan');
  expect(await lines.next()).toEqual({ line: 'alan' });
  await fetch(`${url}/broadcast`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ message: 'lunch' }),
  });
  expect(await lines.next()).toEqual({ line: 'lunch' });
});

test('the nginx of the page keeps every session on one of two nodes, on every transport', async () => {
  const cluster = await Cluster.start({
    SOCKET_PROVIDER: 'socket-io',
    SOCKET_IO_HANDSHAKE_HEADERS: 'x-member',
    SOCKET_HTTP_API: 'false',
    SOCKET_WEBHOOK_URLS: '',
  });
  const nodes = await cluster.two();
  const port = nginxPort();
  const http = blockThatBegins('docs/socket-io.md', 'nginx', 'upstream switchboard')
    .replace('127.0.0.1:3000', `127.0.0.1:${String(nodes[0].port)}`)
    .replace('127.0.0.1:3001', `127.0.0.1:${String(nodes[1].port)}`)
    .replace('127.0.0.1:8080', `127.0.0.1:${String(port)}`);
  await startNginxWith(http);
  const url = `http://127.0.0.1:${String(port)}`;
  const pages = await Promise.all(
    Object.values(TRANSPORTS).flatMap((transports) =>
      ['ada', 'alan'].map((id) => pageOf(url, id, { transports: [...transports] })),
    ),
  );
  for (const [n, node] of nodes.entries()) {
    await node.call('broadcast', 'TICKED', { n });
    for (const each of pages) expect(await each.next()).toEqual({ event: 'TICKED', payload: { n } });
  }
}, 120_000);
