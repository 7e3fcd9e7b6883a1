import { jest } from '@jest/globals';
import { Queue } from 'bullmq';
import { main } from '../../../src/cli/dead-letters.js';
import { HttpApi } from '../../adapters/pusher/support.js';
import { eventually } from '../../support/cluster/waiting.js';
import { logged } from '../../support/hosts.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { note, startQueueApp, upTo } from './support.js';

jest.setTimeout(60_000);

/** The beginning of all keys, as another version of the package has it too. */
const PREFIX = '{test:queue}';
const HAND_IN_ONLY = { queueConcurrency: 0 } as const;

/** The names and the data of the waiting jobs, as they are in Redis, the oldest first. */
async function jobsIn(redis: RedisServer, queue: string): Promise<{ name: string | null; data: unknown }[]> {
  const client = redis.client();
  const ids = await client.lrange(`${PREFIX}:${queue}:wait`, 0, -1);
  return Promise.all(
    ids.reverse().map(async (id) => {
      const [name = null, data] = await client.hmget(`${PREFIX}:${queue}:${id}`, 'name', 'data');
      return { name, data: JSON.parse(String(data)) as unknown };
    }),
  );
}

/** A queue of BullMQ, as another version of the package opens it. */
function queueOf(redis: RedisServer, name: string): Queue {
  return new Queue(name, { connection: redis.client(), prefix: PREFIX });
}

/** The text of a relay, as another version writes it. */
function textTo(kind: string, recipient: string): string {
  return `id-of-${recipient} {"v":1,"at":${Date.now()},"kind":"${kind}","to":"${recipient}","event":"NOTED"}`;
}

/** Puts relays into their lanes. No sweeper finds these lanes: only a job has a worker look at them. */
async function putIntoLanes(redis: RedisServer, texts: Readonly<Record<string, string>>): Promise<void> {
  for (const [lane, text] of Object.entries(texts))
    await redis.client().rpush(`${PREFIX}:line:${lane}`, text);
}

describe('a job in Redis', () => {
  test('has the name "line", and the name of its lane as "line"', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service } = await startQueueApp(redis, api, { delivery: HAND_IN_ONLY });
    await note(service, 'ada', 1);
    await service.relayToChannel('orders', 'TEST_TICKED');
    expect(await jobsIn(redis, 'relays')).toEqual([
      { name: 'line', data: { line: 'member ada' } },
      { name: 'line', data: { line: 'channel orders' } },
    ]);
  });

  test('for many lanes has the name "lines", and the names of its lanes as "lines"', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    const { service } = await startQueueApp(redis, api, { delivery: HAND_IN_ONLY });
    await service.relayToMembers(
      upTo(21).map((number) => `m${number}`),
      'TEST_TICKED',
    );
    expect(await jobsIn(redis, 'relays')).toEqual([
      { name: 'lines', data: { lines: upTo(21).map((number) => `member m${number}`) } },
    ]);
  });

  test('that another version wrote has its lane worked on', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    await startQueueApp(redis, api);
    await putIntoLanes(redis, { 'member ada': textTo('member', 'ada') });
    await queueOf(redis, 'relays').add('line', { line: 'member ada' });
    await api.until(({ events }) => events.length === 1);
    expect(api.events).toEqual([{ name: 'NOTED', data: '', channel: '#server-to-user-ada' }]);
  });

  test('for many lanes that another version wrote has each of them worked on', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    await startQueueApp(redis, api);
    await putIntoLanes(redis, {
      'member ada': textTo('member', 'ada'),
      'channel orders': textTo('channel', 'orders'),
    });
    await queueOf(redis, 'relays').add('lines', { lines: ['member ada', 'channel orders'] });
    await api.until(({ events }) => events.length === 2);
    expect(api.events.map(({ channel }) => channel).sort()).toEqual(['#server-to-user-ada', 'orders']);
  });

  test.each(['line', 'lines'])(
    'named "%s" that cannot be read is logged once, and tried again',
    async (name) => {
      const { lines } = logged('error');
      const [redis, api] = [await startRedis(), await HttpApi.start()];
      await startQueueApp(redis, api);
      const jobs = queueOf(redis, 'relays');
      const { id } = await jobs.add(name, { unknown: 'hunter2' }, { attempts: 3 });
      await eventually(20_000, async () => {
        expect(await jobs.getFailedCount()).toBe(1);
      });
      expect((await jobs.getJob(String(id)))?.attemptsMade).toBe(3);
      expect(lines).toEqual([
        expect.stringMatching(
          new RegExp(`^The job ${id} of the queue cannot be read, and is tried again: .*${name}`),
        ),
      ]);
      expect(lines.join()).not.toContain('hunter2');
    },
  );
});

describe('a dead letter in Redis', () => {
  test('has its lane as "line", the relay as "text", and the reason', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start(() => ({ status: 400 }))];
    const { service } = await startQueueApp(redis, api);
    const { id } = await service.relayToMember('ada', 'TEST_LIST', ['1']);
    await eventually(20_000, () => {
      expect(service.relays.failed).toBe(1);
    });
    const rest = '"kind":"member","to":"ada","event":"TEST_LIST","json":"[\\"1\\"]"}';
    const [letter, ...others] = await jobsIn(redis, 'dead-letters');
    expect(others).toEqual([]);
    expect(letter).toEqual({
      name: 'dead',
      data: {
        line: 'member ada',
        text: expect.stringContaining(`${id} {"v":1,"at":`) as string,
        reason: expect.stringContaining('400') as string,
      },
    });
    expect(letter?.data).toMatchObject({ text: expect.stringContaining(rest) as string });
  });

  test('that another version wrote is listed, and can be sent again', async () => {
    const [redis, api] = [await startRedis(), await HttpApi.start()];
    await startQueueApp(redis, api);
    const data = { line: 'member ada', text: textTo('member', 'ada'), reason: 'HTTP 400' };
    await queueOf(redis, 'dead-letters').add('dead', data, { jobId: 'its-key' });

    const env = { SOCKET_REDIS_URL: redis.url, SOCKET_REDIS_PREFIX: 'test' };
    const said: string[] = [];
    const output = {
      out: (line: string) => void said.push(line),
      err: (line: string) => void said.push(line),
    };
    expect(await main(['dead-letters', 'list', '--json'], env, output)).toBe(0);
    expect(said.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { key: 'its-key', id: 'id-of-ada', lane: 'member ada', event: 'NOTED', reason: 'HTTP 400' },
    ]);
    expect(await main(['dead-letters', 'resend', 'its-key'], env, output)).toBe(0);
    await api.until(({ events }) => events.length === 1);
    expect(api.events).toEqual([{ name: 'NOTED', data: '', channel: '#server-to-user-ada' }]);
  });
});
