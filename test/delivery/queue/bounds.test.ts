import { jest } from '@jest/globals';
import { HttpApi } from '../../adapters/pusher/support.js';
import { eventually } from '../../support/cluster/waiting.js';
import { startRedis } from '../../support/redis.js';
import { note, numbersTo, startQueueApp, upTo } from './support.js';

jest.setTimeout(60_000);

describe('a full queue', () => {
  test('takes no more relays than it may hold, says so, and takes more once there is room', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const delivery = { waitingRelays: 3, queueConcurrency: 0 };
    const { service, losses, close } = await startQueueApp(redis, api, { delivery });
    const receipts = [];
    for (const number of upTo(5)) receipts.push(await note(service, 'ada', number));
    expect(receipts.map(({ status }) => status)).toEqual(['queued', 'queued', 'queued', 'failed', 'failed']);
    expect(receipts[3]?.error?.message).toMatch(/the queue is full: 3 of 3 relays are waiting already/);
    expect(losses).toHaveLength(2);
    await close();
    const { service: worker } = await startQueueApp(redis, api, { delivery: { waitingRelays: 3 } });
    await eventually(20_000, async () => {
      expect((await note(worker, 'ada', 5)).status).toBe('queued');
    });
    await eventually(20_000, () => {
      expect(numbersTo(api, 'ada')).toEqual([0, 1, 2, 5]);
    });
  });

  test('takes no more bytes than it may hold', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const delivery = { waitingBytes: 1_000, queueConcurrency: 0 };
    const { service } = await startQueueApp(redis, api, { delivery });
    const send = () => service.relayToMember('ada', 'ANNOUNCED', { message: 'x'.repeat(700) });
    expect((await send()).status).toBe('queued');
    const { status, error } = await send();
    expect(status).toBe('failed');
    expect(error?.message).toMatch(/the queue is full: \d+ of 1000 bytes are waiting already/);
  });

  test('takes none of a call for more members than there is room for, and names them all', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const delivery = { waitingRelays: 3, queueConcurrency: 0 };
    const { service } = await startQueueApp(redis, api, { delivery });
    const members = upTo(4).map((number) => `member-${number}`);
    const { status, error } = await service.relayToMembers(members, 'TEST_TICKED');
    expect(status).toBe('failed');
    expect(error?.lost).toEqual(members);
    expect(await service.health()).toMatchObject({ delivery: { waiting: 0 } });
  });

  test('is one whose Redis has no memory left: refused relays are told, and kept ones are counted right', async () => {
    const args = ['--maxmemory', '6mb', '--maxmemory-policy', 'noeviction'];
    const [redis, api] = [await startRedis({ args }), await HttpApi.start()];
    const { service } = await startQueueApp(redis, api, { delivery: { queueConcurrency: 0 } });
    let failed: Error | undefined;
    for (let number = 0; failed === undefined; number++) {
      const receipt = await service.relayToMember(`m${number % 10}`, 'ANNOUNCED', {
        message: 'x'.repeat(5_000),
      });
      failed = receipt.error;
    }
    expect(failed.message).toMatch(/the queue cannot be reached: OOM/);
    const { service: worker } = await startQueueApp(redis, api);
    await redis.client().config('SET', 'maxmemory', '0');
    await eventually(30_000, async () => {
      expect(await worker.health()).toMatchObject({
        delivery: { waiting: 0, bytes: 0, queue: { oldestMs: 0 } },
      });
    });
  });

  test('has no bounds where they are 0', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const delivery = { waitingRelays: 0, waitingBytes: 0, queueConcurrency: 0 };
    const { service } = await startQueueApp(redis, api, { delivery });
    expect((await service.relayToMembers(upTo(600).map(String), 'TEST_TICKED')).status).toBe('queued');
    expect(await service.health()).toMatchObject({ delivery: { waiting: 600 } });
  });
});

describe('a delayed relay', () => {
  test('waits in Redis for its time, and survives the process that asked for it', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service, close } = await startQueueApp(redis, api, { delivery: { queueConcurrency: 0 } });
    const asked = Date.now();
    const { status } = await note(service, 'ada', 1, { delayMs: 1_500 });
    expect(status).toBe('queued');
    await note(service, 'ada', 0);
    expect(await service.health()).toMatchObject({ delivery: { waiting: 1, queue: { later: 1 } } });
    await close();
    const { service: worker } = await startQueueApp(redis, api);
    await eventually(30_000, () => {
      expect(numbersTo(api, 'ada')).toEqual([0, 1]);
    });
    expect(Date.now() - asked).toBeGreaterThanOrEqual(1_500);
    await eventually(10_000, async () => {
      expect(await worker.health()).toMatchObject({ delivery: { waiting: 0, queue: { later: 0 } } });
    });
  });

  test('has its whole deadline from its time on, and not from its call', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service, losses } = await startQueueApp(redis, api, { delivery: { retryDeadlineMs: 800 } });
    await note(service, 'ada', 1, { delayMs: 1_500 });
    await eventually(20_000, () => {
      expect([...numbersTo(api, 'ada'), ...losses]).toEqual([1]);
    });
  });

  test('is sent in the order of the calls, however many workers there are', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service } = await startQueueApp(redis, api);
    for (const _ of upTo(2)) await startQueueApp(redis, api);
    await Promise.all(upTo(60).map((number) => note(service, 'ada', number, { delayMs: 700 })));
    await eventually(20_000, () => {
      expect(numbersTo(api, 'ada')).toEqual(upTo(60));
    });
  });

  test('waits on where the queue is full at its time, and finds room later', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const delivery = { waitingRelays: 2, queueConcurrency: 0 };
    const { service, close } = await startQueueApp(redis, api, { delivery });
    for (const number of upTo(2)) await note(service, 'ada', number);
    for (const number of [2, 3]) await note(service, 'ada', number, { delayMs: 1 });
    await close();
    const { service: worker } = await startQueueApp(redis, api, { delivery: { waitingRelays: 2 } });
    await eventually(20_000, async () => {
      expect(numbersTo(api, 'ada')).toEqual(upTo(4));
      expect(await worker.health()).toMatchObject({
        delivery: { waiting: 0, bytes: 0, queue: { later: 0 } },
      });
    });
  });

  test('is refused where too many wait for their time already', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const delivery = { waitingRelays: 2, queueConcurrency: 0 };
    const { service } = await startQueueApp(redis, api, { delivery });
    const receipts = [];
    for (const number of upTo(3)) receipts.push(await note(service, 'ada', number, { delayMs: 60_000 }));
    expect(receipts.map(({ status }) => status)).toEqual(['queued', 'queued', 'failed']);
    expect(receipts[2]?.error?.message).toMatch(/2 of 2 wait for their time already/);
  });
});
