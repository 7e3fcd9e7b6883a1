import { jest } from '@jest/globals';
import { HttpApi } from '../../adapters/pusher/support.js';
import { eventually } from '../../support/cluster/waiting.js';
import { startRedis } from '../../support/redis.js';
import { startProtectedRedis } from '../../support/redis-protected.js';
import { startSentinelRedis } from '../../support/redis-sentinel.js';
import { note, numbersTo, startQueueApp, upTo } from './support.js';

jest.setTimeout(60_000);

describe('the queue’s Redis', () => {
  test('may have a password, which no log and no error has in it', async () => {
    const [redis, api] = [await startProtectedRedis(), await HttpApi.start()];
    const { service } = await startQueueApp({ url: redis.userUrl }, api);
    expect((await note(service, 'ada', 0)).status).toBe('queued');
    await eventually(20_000, () => {
      expect(numbersTo(api, 'ada')).toEqual([0]);
    });
    await redis.server.stop();
    const { error } = await note(service, 'ada', 1);
    const { delivery } = await service.health();
    const said = `${String(error?.stack)} ${String(error?.message)} ${JSON.stringify(delivery)}`;
    expect(said).toMatch(/the queue cannot be reached/);
    for (const secret of [redis.password, redis.user.password]) expect(said).not.toContain(secret);
  });

  test('may be behind sentinels, and change over', async () => {
    const [redis, api] = [await startSentinelRedis(), await HttpApi.start()];
    const hosts = redis.addresses.map(({ host, port }) => `${host}:${port}`).join(',');
    const url = `redis-sentinel://${hosts}#${redis.name}`;
    const { service } = await startQueueApp({ url }, api);
    expect(await note(service, 'ada', 0)).toMatchObject({ status: 'queued' });
    await redis.failover();
    await eventually(30_000, async () => {
      expect(await note(service, 'ada', 1)).toMatchObject({ status: 'queued' });
    });
    await eventually(20_000, () => {
      expect(numbersTo(api, 'ada').at(-1)).toBe(1);
    });
  });
});

describe('a transaction', () => {
  test('adds its relays to the queue once it has committed, in their order', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service } = await startQueueApp(redis, api);
    await service.afterCommit(async () => {
      for (const number of upTo(20)) await note(service, 'ada', number);
      expect(await service.health()).toMatchObject({ delivery: { waiting: 0 } });
    });
    await eventually(20_000, () => {
      expect(numbersTo(api, 'ada')).toEqual(upTo(20));
    });
  });
});
