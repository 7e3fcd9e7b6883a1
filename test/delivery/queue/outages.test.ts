import { jest } from '@jest/globals';
import { HttpApi } from '../../adapters/pusher/support.js';
import { eventually } from '../../support/cluster/waiting.js';
import { startRedis } from '../../support/redis.js';
import { startProtectedRedis } from '../../support/redis-protected.js';
import { QueueProcess } from './processes.js';
import { note, numbersTo, startQueueApp, upTo } from './support.js';

jest.setTimeout(90_000);

describe('a relay that was answered with queued', () => {
  test('survives the death of the process that relayed it', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const process = QueueProcess.start(redis, api, { concurrency: 0, relays: 100 });
    await process.handedIn;
    expect(process.queued).toEqual(upTo(100));
    await process.kill();
    expect(api.events).toEqual([]);
    await startQueueApp(redis, api);
    await eventually(20_000, () => {
      expect(numbersTo(api, 'ada')).toEqual(upTo(100));
    });
  });

  test('survives the death of a worker in the middle of its work, in its order', async () => {
    const redis = await startRedis();
    let answered = 0;
    // The first worker gets some of it through, and then no answer.
    const api = await HttpApi.start(() => (answered++ < 3 ? undefined : 'nothing'));
    const handsIn = await startQueueApp(redis, api, { delivery: { queueConcurrency: 0 } });
    for (const number of upTo(400)) await note(handsIn.service, 'ada', number);
    const process = QueueProcess.start(redis, api, { concurrency: 8 });
    await api.until(({ received }) => received.length > 3);
    await process.kill();
    answered = Number.NEGATIVE_INFINITY;
    const seen = api.events.length;
    await startQueueApp(redis, api);
    await eventually(60_000, async () => {
      expect(await handsIn.service.health()).toMatchObject({ delivery: { waiting: 0 } });
    });
    // The relay that the dead worker had under way comes once more, and those behind it.
    const again = numbersTo(api, 'ada').slice(seen);
    expect(again).toEqual(upTo(400).slice(again[0]));
    expect([...new Set(numbersTo(api, 'ada'))]).toEqual(upTo(400));
  });

  test('comes again only as far as it was under way, where a worker stood still and was taken for dead', async () => {
    const redis = await startRedis();
    // Slow enough for both to be at work for a while.
    const api = await HttpApi.start(async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return undefined;
    });
    const handsIn = await startQueueApp(redis, api, { delivery: { queueConcurrency: 0 } });
    const process = QueueProcess.start(redis, api, { concurrency: 8, timeoutMs: 60_000 });
    await process.handedIn;
    for (const number of upTo(1_200)) void note(handsIn.service, 'ada', number);
    await api.until(({ events }) => events.length > 200);
    process.signal('SIGSTOP');
    const seen = numbersTo(api, 'ada').length;
    const { service } = await startQueueApp(redis, api);
    await api.until(({ events }) => events.length > seen + 300);
    process.signal('SIGCONT');
    await eventually(60_000, async () => {
      expect(await service.health()).toMatchObject({ delivery: { waiting: 0 } });
    });
    const numbers = numbersTo(api, 'ada');
    expect([...new Set(numbers)]).toEqual(upTo(1_200));
    expect(numbers.length).toBeLessThanOrEqual(1_400);
  });

  test('survives an outage of the provider, which is asked by one relay at a time meanwhile', async () => {
    const redis = await startRedis();
    let isDown = true;
    const api = await HttpApi.start(() => (isDown ? { status: 503 } : undefined));
    const { service, losses } = await startQueueApp(redis, api);
    const members = upTo(50).map((number) => `member-${number}`);
    for (const number of upTo(4)) await Promise.all(members.map((member) => note(service, member, number)));
    await eventually(20_000, async () => {
      expect(await service.health()).toMatchObject({ delivery: { waiting: 200, breaker: 'open' } });
    });
    const whileDown = api.received.length;
    isDown = false;
    await eventually(45_000, async () => {
      expect(await service.health()).toMatchObject({ delivery: { waiting: 0, breaker: 'closed' } });
    });
    expect(whileDown).toBeLessThan(60);
    for (const member of members) expect([...new Set(numbersTo(api, member))]).toEqual(upTo(4));
    expect(losses).toEqual([]);
    expect(service.relays).toMatchObject({ sent: 200, failed: 0 });
  });

  test('survives a Redis that is restarted with its data', async () => {
    const redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    const api = await HttpApi.start();
    const { service, close } = await startQueueApp(redis, api, { delivery: { queueConcurrency: 0 } });
    for (const number of upTo(20)) await note(service, 'ada', number);
    await close();
    const worker = await startQueueApp(redis, api, { delivery: { queueConcurrency: 4 } });
    await eventually(20_000, () => {
      expect(numbersTo(api, 'ada')).toEqual(upTo(20));
    });
    await redis.stop();
    expect(await note(worker.service, 'ada', 20)).toMatchObject({ status: 'failed' });
    await redis.restart();
    await eventually(20_000, async () => {
      expect(await note(worker.service, 'ada', 21)).toMatchObject({ status: 'queued' });
    });
    await eventually(20_000, () => {
      expect(numbersTo(api, 'ada').at(-1)).toBe(21);
    });
  });
});

describe('while the queue’s Redis is away', () => {
  test('nothing hangs: a relay that cannot be kept is told at once, and the application ends', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service, losses, close } = await startQueueApp(redis, api);
    expect((await note(service, 'ada', 0)).status).toBe('queued');
    await api.until(({ events }) => events.length === 1);
    await redis.stop();
    const receipts = await Promise.all(upTo(10).map((number) => note(service, 'ada', number)));
    expect(receipts.map(({ status }) => status)).toEqual(upTo(10).map(() => 'failed'));
    expect(receipts[0]?.error).toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
      retryable: true,
      lost: ['ada'],
    });
    expect(receipts[0]?.error?.message).toMatch(/the queue cannot be reached/);
    expect(losses).toHaveLength(10);
    const health = await service.health();
    expect(health.delivery).toMatchObject({ waiting: null, bytes: null });
    expect(health.delivery?.problem).toMatch(/the queue cannot be reached/);
    await close();
  });

  test('an application starts, says so, and works once Redis is there', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    await redis.stop();
    const { service } = await startQueueApp(redis, api);
    expect(await note(service, 'ada', 0)).toMatchObject({ status: 'failed' });
    await redis.restart();
    await eventually(20_000, async () => {
      expect(await note(service, 'ada', 1)).toMatchObject({ status: 'queued' });
    });
    await eventually(20_000, () => {
      expect(numbersTo(api, 'ada')).toContain(1);
    });
  });

  test('an application that was refused what it needs goes on once it is allowed', async () => {
    const { server, user, userUrl } = await startProtectedRedis({
      rules: ['~*', '&*', '+@all', '-@scripting'],
    });
    const api = await HttpApi.start();
    const { service } = await startQueueApp({ url: userUrl }, api);
    const { status, error } = await note(service, 'ada', 0);
    expect(status).toBe('failed');
    expect(String(error?.message)).not.toContain(user.password);
    await server.client().call('ACL', 'SETUSER', user.name, '+@scripting');
    await eventually(20_000, async () => {
      expect(await note(service, 'ada', 1)).toMatchObject({ status: 'queued' });
    });
  });

  test('a Redis that answers nothing is given up after a moment', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service, close } = await startQueueApp(redis, api);
    expect((await note(service, 'ada', 0)).status).toBe('queued');
    redis.pause();
    try {
      expect(await note(service, 'ada', 1)).toMatchObject({ status: 'failed' });
      await close();
    } finally {
      redis.resume();
    }
  });
});

describe('an application that is closed', () => {
  test.each([
    ['has nothing to do', 'well', 'running'],
    ['has a provider that is down', 'down', 'running'],
    ['has a provider that does not answer', 'silent', 'running'],
    ['never had a Redis', 'well', 'stopped'],
    ['has a Redis that stands still', 'well', 'paused'],
  ])('ends by itself, and says nothing, where it %s', async (_, provider, state) => {
    const redis = await startRedis();
    const api = await HttpApi.start(() => {
      if (provider === 'silent') return 'nothing';
      return provider === 'down' ? { status: 503 } : undefined;
    });
    if (state === 'stopped') await redis.stop();
    const process = QueueProcess.start(redis, api, { concurrency: 4, relays: 8 });
    await process.handedIn;
    if (provider !== 'well') await api.until(({ received }) => received.length > 0);
    if (state === 'paused') redis.pause();
    expect(await process.close()).toBe(0);
    expect(process.errors.filter((line) => !line.includes('was lost'))).toEqual([]);
  });
});
