import { setTimeout as delay } from 'node:timers/promises';
import { jest } from '@jest/globals';
import type { Receipt } from 'nestjs-switchboard';
import { HttpApi } from '../../adapters/pusher/support.js';
import { ChaosProxy } from '../../support/chaos-proxy.js';
import { eventually } from '../../support/cluster/waiting.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { note, numbersTo, startQueueApp, upTo } from './support.js';

/** How often connections are cut by chance. A longer run on demand: 300 cuts have about 8,000 relays. */
const CUTS = Number(process.env['SWITCHBOARD_CUTS'] ?? 40);
/** Not more relays than this wait for their receipts, however slow the machine is. */
const CALLS_AT_ONCE = 300;

jest.setTimeout(90_000 + 1_000 * CUTS);

const HAND_IN_ONLY = { queueConcurrency: 0 } as const;
const PREFIX = '{test:queue}';

/** The numbers in a member's lane. */
async function numbersInLane(redis: RedisServer, member: string): Promise<number[]> {
  const texts = await redis.client().lrange(`${PREFIX}:line:member ${member}`, 0, -1);
  return texts.map((text) => {
    const { json } = JSON.parse(text.slice(text.indexOf(' '))) as { json: string };
    return Number((JSON.parse(json) as { text: string }).text);
  });
}

/** A producer without a worker, behind a proxy that can cut its connection. One relay to `first` is queued already. */
async function startCutProducer(delivery: { readonly waitingRelays?: number } = {}) {
  const [redis, api] = [await startRedis(), await HttpApi.start()];
  const proxy = await ChaosProxy.before(redis.port);
  const { service } = await startQueueApp({ url: `redis://127.0.0.1:${proxy.port}` }, api, {
    delivery: { ...HAND_IN_ONLY, ...delivery },
  });
  expect(await note(service, 'first', 0)).toMatchObject({ status: 'queued' });
  return { redis, proxy, service };
}

describe('a relay whose connection to Redis is cut', () => {
  test.each([
    ['before Redis has it all', 'up', 200],
    ['once Redis has some of them', 'up', 3_000],
    ['in the middle of the answer', 'down', 1],
    ['in the middle of later answers', 'down', 60],
  ] as const)('%s is in its lane once, in its place, and its receipt says so', async (_, way, bytes) => {
    const { redis, proxy, service } = await startCutProducer();
    proxy.tearAfter(bytes, way);
    const receipts = await Promise.all(upTo(40).map((number) => note(service, 'ada', number)));
    expect(proxy.torn).toBe(1);
    expect(receipts.map(({ status }) => status)).toEqual(upTo(40).map(() => 'queued'));
    expect(await numbersInLane(redis, 'ada')).toEqual(upTo(40));
    expect(await service.health()).toMatchObject({ delivery: { waiting: 41 } });
  });

  test('is kept once where it is delayed', async () => {
    const { proxy, service } = await startCutProducer();
    proxy.tearAfter(1, 'down');
    const options = { delayMs: 60_000 };
    const receipts = await Promise.all(upTo(5).map((number) => note(service, 'ada', number, options)));
    expect(proxy.torn).toBe(1);
    expect(receipts.map(({ status }) => status)).toEqual(upTo(5).map(() => 'queued'));
    expect(await service.health()).toMatchObject({ delivery: { queue: { later: 5 } } });
  });

  test('is refused where it was refused on the connection that was cut', async () => {
    const { redis, proxy, service } = await startCutProducer({ waitingRelays: 3 });
    proxy.tearAfter(1, 'down');
    const receipts = await Promise.all(upTo(5).map((number) => note(service, 'ada', number)));
    expect(proxy.torn).toBe(1);
    expect(receipts.map(({ status }) => status)).toEqual(['queued', 'queued', 'failed', 'failed', 'failed']);
    for (const { error } of receipts.slice(2)) {
      expect(error?.message).toMatch(/the queue is full: 3 of 3 relays are waiting already/);
      expect(error?.uncertainLost).toEqual([]);
    }
    expect(await numbersInLane(redis, 'ada')).toEqual([0, 1]);
  });

  test('and who finds no other connection in time, says that it may arrive', async () => {
    const { redis, proxy, service } = await startCutProducer();
    proxy.refuse();
    proxy.tearAfter(1, 'down');
    const { status, error } = await service.relayToMembers(['ada', 'alan'], 'TEST_TICKED');
    expect(status).toBe('failed');
    expect(error).toMatchObject({ lost: ['ada', 'alan'], uncertainLost: ['ada', 'alan'], retryable: true });
    expect(error?.message).toMatch(/the queue did not answer, and may have the relay all the same/);
    expect(await redis.client().llen(`${PREFIX}:line:member ada`)).toBe(1);
    // This one finds no connection at all.
    const next = await service.relayToMember('ada', 'TEST_TICKED');
    expect(next).toMatchObject({ status: 'failed', error: { lost: ['ada'], uncertainLost: [] } });
    proxy.refuse(false);
    await eventually(20_000, async () => {
      expect(await note(service, 'ada', 2)).toMatchObject({ status: 'queued' });
    });
    expect(await redis.client().llen(`${PREFIX}:line:member ada`)).toBe(2);
  });

  test('overtakes no other one, and is not doubled, whenever what was sent of it reaches Redis', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service } = await startQueueApp(redis, api, { delivery: HAND_IN_ONLY });
    await note(service, 'ada', 0);
    const monitor = await redis.client().monitor();
    const additions: string[][] = [];
    monitor.on('monitor', (_, [name = '', ...values]: string[]) => {
      if (name.toLowerCase() === 'evalsha' && values.join().includes(':sender:')) additions.push(values);
    });
    for (const number of [1, 2, 3]) await note(service, 'ada', number);
    await eventually(10_000, () => {
      expect(additions).toHaveLength(3);
    });
    monitor.disconnect();
    const [sha = '', keys = '', ...values] = additions[1] ?? [];
    const client = redis.client();
    // It comes once more from a connection of before.
    expect(await client.evalsha(sha, keys, ...values)).toBe('');
    // It would come before the one that its process still waits for: number 6 before number 5.
    const [awaited, number] = [Number(keys), Number(keys) + 1];
    const early = values.with(awaited, '6').with(number, '5');
    expect(await client.evalsha(sha, keys, ...early)).toBe('gap');
    expect(await numbersInLane(redis, 'ada')).toEqual([0, 1, 2, 3]);
    expect((await note(service, 'ada', 4)).status).toBe('queued');
    expect(await numbersInLane(redis, 'ada')).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('a worker whose connections to Redis are cut', () => {
  test.each(['up', 'down'] as const)(
    'between a delivery and its note of it (%s) delivers nothing twice',
    async (way) => {
      const redis = await startRedis();
      const proxy = await ChaosProxy.before(redis.port);
      let requests = 0;
      const api = await HttpApi.start(() => {
        if (++requests % 5 === 0) proxy.tearAfter(1, way);
        return undefined;
      });
      const handsIn = await startQueueApp(redis, api, { delivery: HAND_IN_ONLY });
      for (const number of upTo(600)) void note(handsIn.service, 'ada', number);
      const { service } = await startQueueApp({ url: `redis://127.0.0.1:${proxy.port}` }, api);
      await eventually(50_000, async () => {
        expect(await handsIn.service.health()).toMatchObject({ delivery: { waiting: 0 } });
      });
      expect(proxy.torn).toBeGreaterThanOrEqual(3);
      expect(numbersTo(api, 'ada')).toEqual(upTo(600));
      expect(service.relays).toMatchObject({ sent: 600, failed: 0 });
    },
  );

  test('keeps a relay that it gives up as one dead letter, and tells of it once', async () => {
    const redis = await startRedis();
    const proxy = await ChaosProxy.before(redis.port);
    const api = await HttpApi.start(() => {
      proxy.tearAfter(1, 'up');
      return { status: 400 };
    });
    const { service, losses } = await startQueueApp({ url: `redis://127.0.0.1:${proxy.port}` }, api);
    await note(service, 'ada', 0);
    await eventually(20_000, async () => {
      expect(await service.health()).toMatchObject({ delivery: { waiting: 0, queue: { dead: 1 } } });
    });
    expect(proxy.torn).toBeGreaterThan(0);
    expect([losses.length, api.events.length]).toEqual([1, 1]);
  });
});

describe('while the connections of producers and workers are cut again and again', () => {
  test('every relay comes once and in its order, or its receipt says that it does not, or may not', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const producers = await Promise.all(
      upTo(2).map(() => startQueueApp(redis, api, { delivery: HAND_IN_ONLY })),
    );
    for (const _ of upTo(2)) await startQueueApp(redis, api);
    const admin = redis.client();
    const cut = { waiting: 0, working: 0, all: 0 };
    let isOver = false;

    /** Cuts one connection by chance: of all, or of those that wait for a job, where there is one. */
    const cutOne = async (isOfWaiting: boolean) => {
      const lines = String(await admin.call('CLIENT', 'LIST', 'TYPE', 'normal'))
        .trim()
        .split('\n');
      const clients = lines.filter((line) => line !== '' && !line.includes('cmd=client|list'));
      const waiting = clients.filter((line) => / flags=\w*b/.test(line));
      const among = isOfWaiting && waiting.length > 0 ? waiting : clients;
      const chosen = among[Math.floor(Math.random() * among.length)];
      // After a cut of all there may be none for a moment.
      if (chosen === undefined) return;
      const killed = await admin.call('CLIENT', 'KILL', 'ID', /^id=(\d+)/.exec(chosen)?.[1] ?? '');
      if (killed === 1) cut[waiting.includes(chosen) ? 'waiting' : 'working']++;
    };
    const cutting = async () => {
      for (const turn of upTo(CUTS)) {
        await delay(60);
        if (turn % 8 !== 0) await cutOne(turn % 3 === 0);
        else cut.all += Number(await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
      }
    };

    const receipts = new Map<string, Map<number, Receipt>>();
    const calls: Promise<unknown>[] = [];
    let answered = 0;
    const relaying = async () => {
      for (let number = 0; !isOver; number++) {
        while (calls.length - answered > CALLS_AT_ONCE) await delay(10);
        for (const [index, { service }] of producers.entries()) {
          for (const member of upTo(15).map((one) => `member-${one}-of-${index}`)) {
            const known = receipts.get(member) ?? new Map<number, Receipt>();
            receipts.set(member, known);
            const call = note(service, member, number).then((receipt) => {
              known.set(number, receipt);
              answered++;
            });
            calls.push(call);
          }
        }
        await delay(90);
      }
    };
    await Promise.all([relaying(), cutting().finally(() => (isOver = true))]);
    await Promise.all(calls);
    await eventually(40_000, async () => {
      expect(await producers[0]?.service.health()).toMatchObject({ delivery: { waiting: 0 } });
    });

    const cuts = cut.waiting + cut.working + cut.all;
    const relays = calls.length;
    if (process.env['SWITCHBOARD_SHOW_FIGURES'] !== undefined) {
      const receipt = [...receipts.values()].flatMap((known) => [...known.values()]);
      const failed = receipt.filter(({ status }) => status === 'failed').length;
      process.stdout.write(`${JSON.stringify({ relays, cuts, ...cut, failed })}\n`);
    }
    expect(relays).toBeGreaterThan(10 * CUTS);
    expect(cuts).toBeGreaterThan(CUTS / 2);
    expect(Math.min(cut.waiting, cut.working, cut.all)).toBeGreaterThan(0);
    for (const [member, known] of receipts) {
      const numbers = numbersTo(api, member);
      const expected = [...known].flatMap(([number, { status, error }]) => {
        if (status === 'queued') return [number];
        const isUncertain = error?.uncertainLost.includes(member) === true;
        return isUncertain && numbers.includes(number) ? [number] : [];
      });
      expect(numbers).toEqual(expected.sort((a, b) => a - b));
    }
  });
});
