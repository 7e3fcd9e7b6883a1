import { jest } from '@jest/globals';
import { userChannel } from '../../../src/protocol/channel-name.js';
import { APP, HttpApi } from '../../adapters/pusher/support.js';
import { eventually } from '../../support/cluster/waiting.js';
import { startRedis } from '../../support/redis.js';
import { startRedisCluster } from '../../support/redis-cluster.js';
import { QueueProcess } from './processes.js';
import { note, numbersTo, startQueueApp, upTo } from './support.js';

// BullMQ is large, and loaded with the first of them.
jest.setTimeout(60_000);

const HAND_IN_ONLY = { queueConcurrency: 0 } as const;

describe('the queue', () => {
  test('answers with queued, and brings the relay to the provider', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service } = await startQueueApp(redis, api);
    const receipt = await service.relayToMember('ada', 'ANNOUNCED', { message: 'hi' });
    expect(receipt).toEqual({ id: expect.any(String) as string, status: 'queued' });
    await api.until(({ events }) => events.length === 1);
    expect(api.events).toEqual([
      { name: 'ANNOUNCED', data: '{"message":"hi"}', channel: '#server-to-user-ada' },
    ]);
    await eventually(10_000, async () => {
      expect((await service.health()).delivery).toEqual({
        waiting: 0,
        bytes: 0,
        breaker: 'closed',
        queue: { later: 0, dead: 0, oldestMs: 0 },
      });
    });
    expect(service.relays).toEqual({ sent: 1, failed: 0, queued: 0, retried: 0 });
  });

  test('carries every kind of call, each as the provider would have got it at once', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service } = await startQueueApp(redis, api);
    await service.relayToMember('ada', 'TEST_TICKED');
    await service.relayToMembers(['ada', 'alan', 'ada'], 'TEST_LIST', ['1']);
    await service.relayToChannel('orders', 'ANNOUNCED', { message: 'ü' }, { exceptSocketId: '1.2' });
    await service.broadcast('TEST_LIST', []);
    await service.disconnectMember('ada');
    await api.until(({ received }) => received.some(({ path }) => path.endsWith('/terminate_connections')));
    await api.until(({ events }) => events.length === 5);
    expect(api.events.filter(({ channel }) => channel === '#server-to-user-ada')).toEqual([
      { name: 'TEST_TICKED', data: '', channel: '#server-to-user-ada' },
      { name: 'TEST_LIST', data: '["1"]', channel: '#server-to-user-ada' },
    ]);
    expect(api.events).toContainEqual({ name: 'TEST_LIST', data: '["1"]', channel: '#server-to-user-alan' });
    expect(api.events).toContainEqual({ name: 'ANNOUNCED', data: '{"message":"ü"}', channel: 'orders' });
    expect(api.events).toContainEqual({ name: 'TEST_LIST', data: '[]', channel: 'broadcast' });
    expect(JSON.stringify(api.bodies)).toContain('"socket_id":"1.2"');
    // Behind what was sent to her before.
    expect(
      api.received.findIndex(({ path }) => path.endsWith('/users/ada/terminate_connections')),
    ).toBeGreaterThan(
      api.received.findLastIndex(({ events }) =>
        events.some(({ channel }) => channel === '#server-to-user-ada'),
      ),
    );
    expect(api.received.every(({ path }) => path.startsWith(`/apps/${APP.id}/`))).toBe(true);
  });

  test('keeps the relays of one process until another one, with a worker, is there', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service, close } = await startQueueApp(redis, api, { delivery: HAND_IN_ONLY });
    for (const number of upTo(30)) await note(service, 'ada', number);
    expect(await service.health()).toMatchObject({ delivery: { waiting: 30 } });
    await close();
    expect(api.events).toEqual([]);
    const worker = await startQueueApp(redis, api);
    await eventually(10_000, () => {
      expect(numbersTo(api, 'ada')).toEqual(upTo(30));
      expect(worker.service.relays.sent).toBe(30);
    });
  });

  test('takes calls that nobody awaits in the order they were made', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service } = await startQueueApp(redis, api);
    // The first of them before there is a connection.
    const receipts = await Promise.all(upTo(500).map((number) => note(service, 'ada', number)));
    expect(receipts.every(({ status }) => status === 'queued')).toBe(true);
    await eventually(10_000, () => {
      expect(numbersTo(api, 'ada')).toEqual(upTo(500));
    });
  });

  test('keeps the order for every member, whichever worker brings a relay, and whatever fails on the way', async () => {
    const redis = await startRedis();
    let requests = 0;
    const api = await HttpApi.start(async () => {
      const number = ++requests;
      await new Promise((resolve) => setTimeout(resolve, number % 7));
      return number % 5 === 0 ? { status: 500 } : undefined;
    });
    const members = upTo(20).map((number) => `member-${number}`);
    const apps = await Promise.all(
      upTo(3).map(() => startQueueApp(redis, api, { delivery: { breakerFailures: 0 } })),
    );
    for (const number of upTo(25)) {
      const { service } = apps[number % 3] ?? (await startQueueApp(redis, api));
      await Promise.all(members.map((member) => note(service, member, number)));
    }
    await eventually(45_000, async () => {
      expect(await apps[0]?.service.health()).toMatchObject({ delivery: { waiting: 0 } });
    });
    // A relay that was answered with a 500 comes twice, and the relays behind it not before.
    for (const member of members) expect([...new Set(numbersTo(api, member))]).toEqual(upTo(25));
    expect(apps.reduce((sum, { service }) => sum + service.relays.sent, 0)).toBe(500);
    expect(apps.every(({ service }) => service.relays.failed === 0)).toBe(true);
  });

  test('takes one call for thousands of members, and each of them is sent to once', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service } = await startQueueApp(redis, api);
    const members = upTo(2_500).map((number) => `member-${number}`);
    const { status } = await service.relayToMembers(members, 'TEST_TICKED');
    expect(status).toBe('queued');
    await eventually(45_000, () => {
      expect(new Set(api.events.map(({ channel }) => channel)).size).toBe(2_500);
    });
    expect(api.events).toHaveLength(2_500);
  });

  test('takes one call for ten thousand members, and other calls meanwhile', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service } = await startQueueApp(redis, api, { delivery: { queueConcurrency: 0 } });
    const members = upTo(10_000).map((number) => `member-${number}`);
    const receipts = await Promise.all([
      service.relayToMembers(members, 'ANNOUNCED', { message: 'x'.repeat(500) }),
      note(service, 'ada', 0),
    ]);
    expect(receipts.map(({ status, error }) => [status, error])).toEqual([
      ['queued', undefined],
      ['queued', undefined],
    ]);
    expect(await service.health()).toMatchObject({ delivery: { waiting: 10_001 } });
  });

  test('brings relays at once that are added before Redis knows any script', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    // A request that is not answered in time is made again, and this process answers nothing while it makes all the calls.
    await QueueProcess.start(redis, api, { concurrency: 4, timeoutMs: 20_000 }).handedIn;
    const { service } = await startQueueApp(redis, api, { delivery: { queueConcurrency: 0 } });
    // Less than the time that a forgotten lane waits.
    const begun = performance.now();
    await Promise.all(upTo(1_000).map((number) => note(service, 'ada', number)));
    await api.until(({ events }) => events.length >= 1_000);
    expect(performance.now() - begun).toBeLessThan(9_000);
    expect(numbersTo(api, 'ada')).toEqual(upTo(1_000));
  });

  test('takes every name that is allowed', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service } = await startQueueApp(redis, api);
    const names = [';', '=,@', 'a@b.c;d', '-_-', 'x'.repeat(128)];
    for (const name of names) {
      await note(service, name, 0);
      await service.relayToChannel(name, 'TEST_TICKED');
    }
    await eventually(20_000, () => {
      const channels = new Set(api.events.map(({ channel }) => channel));
      expect(channels).toEqual(new Set([...names, ...names.map(userChannel)]));
    });
  });

  test('is of one application, and another one on the same Redis has its own', async () => {
    const [redis, api, other] = [await startRedis(), await HttpApi.start(), await HttpApi.start()];
    const { service } = await startQueueApp(redis, api, { prefix: 'one' });
    await startQueueApp(redis, other, { prefix: 'two' });
    await note(service, 'ada', 0);
    await api.until(({ events }) => events.length === 1);
    const keys = await redis.client().keys('*');
    expect(keys.every((key) => key.startsWith('{one:queue}:') || key.startsWith('{two:queue}:'))).toBe(true);
    expect(other.events).toEqual([]);
  });

  test('can be in a Redis Cluster', async () => {
    const [redis, api] = [await startRedisCluster(), await HttpApi.start()];
    // Several addresses say that it is one.
    const url = `redis://${redis.urls.map((address) => new URL(address).host).join(',')}`;
    const { service } = await startQueueApp({ url }, api);
    const receipts = await Promise.all(
      upTo(20).map((number) => note(service, `member-${number % 4}`, number)),
    );
    expect(receipts.filter(({ status }) => status !== 'queued')).toEqual([]);
    await eventually(20_000, () => {
      expect(numbersTo(api, 'member-1')).toEqual([1, 5, 9, 13, 17]);
      expect(api.events).toHaveLength(20);
    });
  });
});
