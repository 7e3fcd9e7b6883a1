import 'reflect-metadata';
import type { Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { SocketService } from 'nestjs-switchboard';
import type { PusherLike, SwitchboardSocket } from 'nestjs-switchboard/browser';
import { HelperPage, startTwo, text } from '../e2e/two-providers/support.js';
import { EventQueue } from '../support/event-queue.js';
import { logged } from '../support/hosts.js';
import { usePage } from './support/page.js';

const page = usePage('docs/failover.md');

test('the settings in code are those of the environment', async () => {
  const { AppModule } = await page.run<{ AppModule: Type }>('app.module.ts');
  const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
  module.useLogger(false);
  expect(module.get(SocketService).provider).toBe('pusher');
  expect(page.text).toContain('SOCKET_PROVIDER=pusher,ws\nSOCKET_SECOND_ROLE=failover');
  await module.close();
});

test('whether the two agree is told in a sentence', async () => {
  logged('warn');
  const { agreement } = await page.run<{ agreement: (service: SocketService) => Promise<string> }>(
    'agreement.ts',
  );
  const { service, api } = await startTwo({ provider: ['pusher', 'ws'], second: { role: 'mirror' } });
  await service.relayToMember('ada', 'MEMBER_MESSAGED', text(1));
  expect(await agreement(service)).toBe('ws is up: 0 call(s) differed, it missed 0');
  api.cut();
  await service.relayToMember('ada', 'MEMBER_MESSAGED', text(2));
  expect(await agreement(service)).toBe('ws is up: 1 call(s) differed, it missed 0');
});

test('a page that moved is told to reload', async () => {
  logged('warn');
  const { onReconnect } = await page.run<{
    onReconnect: (socket: SwitchboardSocket<PusherLike>, reload: (provider: string) => void) => () => void;
  }>('moves.ts');
  const { backend, service, api } = await startTwo({
    provider: ['pusher', 'ws'],
    second: { recheckS: 1 },
    delivery: { breakerFailures: 1 },
  });
  const { socket } = await HelperPage.open(backend, 'ada');
  const reloads = new EventQueue<{ provider: string }>();
  const stop = onReconnect(socket, (provider) => {
    reloads.push({ provider });
  });
  api.cut();
  await service.relayToMember('ada', 'MEMBER_MESSAGED', text(1));
  expect(await reloads.next()).toEqual({ provider: 'ws' });
  stop();
}, 20_000);
