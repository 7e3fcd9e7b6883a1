import 'reflect-metadata';
import { jest } from '@jest/globals';
import { APP, HttpApi } from '../adapters/pusher/support.js';
import { startQueueApp } from '../delivery/queue/support.js';
import { eventually } from '../support/cluster/waiting.js';
import { startRedis } from '../support/redis.js';
import { startProtectedRedis } from '../support/redis-protected.js';
import { usePage } from './support/page.js';

jest.setTimeout(60_000);

const page = usePage('docs/queue.md');

test('the worker brings what another process has handed in, and ends', async () => {
  const [redis, api] = [await startRedis(), await HttpApi.start()];
  const { service } = await startQueueApp(redis, api, { delivery: { queueConcurrency: 0 } });
  expect((await service.relayToMember('ada', 'TEST_TICKED')).status).toBe('queued');
  const environment = {
    SOCKET_PROVIDER: 'pusher',
    SOCKET_APP_ID: APP.id,
    SOCKET_APP_KEY: APP.key,
    SOCKET_APP_SECRET: APP.secret,
    PUSHER_HOST: '127.0.0.1',
    PUSHER_PORT: String(api.port),
    PUSHER_SCHEME: 'http',
    SOCKET_DELIVERY: 'queue',
    SOCKET_REDIS_URL: redis.url,
    SOCKET_REDIS_PREFIX: 'test',
  };
  Object.assign(process.env, environment);
  try {
    const { work } = await page.run<{ work: () => Promise<() => Promise<void>> }>('worker.ts');
    const end = await work();
    try {
      await eventually(20_000, () => {
        expect(api.events).toHaveLength(1);
      });
    } finally {
      await end();
    }
  } finally {
    for (const name of Object.keys(environment)) Reflect.deleteProperty(process.env, name);
  }
});

test('a user with the rights of the page is all it takes', async () => {
  const [, rules = ''] = /^user switchboard on >\S+ (.*)$/m.exec(page.text) ?? [];
  const { server, userUrl } = await startProtectedRedis({ rules: rules.split(' ') });
  const api = await HttpApi.start(({ events }) =>
    events.some(({ name }) => name === 'TEST_LIST') ? { status: 400 } : undefined,
  );
  const { service } = await startQueueApp({ url: userUrl }, api, { prefix: 'switchboard' });
  await service.relayToMember('ada', 'TEST_TICKED', undefined, { delayMs: 1 });
  await service.relayToMember('alan', 'TEST_TICKED');
  await service.relayToMember('grace', 'TEST_LIST', []);
  await eventually(20_000, async () => {
    expect(service.relays).toMatchObject({ sent: 2, failed: 1 });
    expect(await service.health()).toMatchObject({ delivery: { waiting: 0, queue: { dead: 1, later: 0 } } });
  });
  expect(await server.client().call('ACL', 'LOG')).toEqual([]);
});

test('the page has the defaults of a queue', () => {
  for (const figure of [
    '(64)',
    '86,400,000',
    '(10,000)',
    '(1,000,000,',
    '(1 GiB)',
    'up to 100 relays',
    'up to 500 members',
  ])
    expect(page.text).toContain(figure);
});
