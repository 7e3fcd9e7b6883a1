import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MAX_WAITING_RELAYS } from '../../src/adapters/pusher/requests/waiting-posts.js';
import { onTeardown } from '../support/teardown.js';
import { usePage } from './support/page.js';

const page = usePage('docs/pusher.md');

test('as many calls may wait as the page says', () => {
  expect(page.text).toContain(`when ${MAX_WAITING_RELAYS.toLocaleString('en')} are waiting`);
});

test('browsers are told what the page says they are', async () => {
  const { AppModule } = await page.run<{ AppModule: Type }>('app.module.ts');
  const app = await NestFactory.create(AppModule, { logger: false });
  onTeardown(() => app.close());
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  const answer = await fetch(`http://127.0.0.1:${String(port)}/socket/config`);
  const shown = /```json\n([\s\S]*?)```/.exec(page.text)?.[1] ?? '';
  expect(await answer.json()).toEqual(JSON.parse(shown));
});
