import { jest } from '@jest/globals';
import { main } from '../../../src/cli/dead-letters.js';
import type { Environment } from '../../../src/config/settings.js';
import { socketConfig } from '../../../src/config/socket-config.js';
import { lanesOf } from '../../../src/delivery/queue/redis-lanes.js';
import { RelayQueue } from '../../../src/delivery/queue/relay-queue.js';
import { systemClock } from '../../../src/ports/clock.js';
import { wireMemberId } from '../../../src/protocol/member-id.js';
import { HttpApi, onTeardown } from '../../adapters/pusher/support.js';
import { eventually } from '../../support/cluster/waiting.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { titled } from '../../support/titled.js';
import { note, numbersTo, startQueueApp, upTo } from './support.js';

jest.setTimeout(60_000);

/** Runs the command `switchboard`, and hands back what it said. */
async function switchboard(redis: RedisServer, ...words: string[]) {
  return await switchboardIn({}, redis, ...words);
}

/** The same, with more in its environment. */
async function switchboardIn(more: Environment, redis: RedisServer, ...words: string[]) {
  const said: { out: string[]; err: string[] } = { out: [], err: [] };
  const env = { ...more, SOCKET_REDIS_URL: redis.url, SOCKET_REDIS_PREFIX: 'test' };
  const code = await main(words, env, {
    out: (line) => void said.out.push(line),
    err: (line) => void said.err.push(line),
  });
  return { code, ...said };
}

/** The queue of the applications in the same Redis, without an application. */
function openQueue(redis: RedisServer, more: Environment = {}): RelayQueue {
  const { redis: config, delivery } = socketConfig({
    ...more,
    SOCKET_PROVIDER: 'memory',
    SOCKET_REDIS_URL: redis.url,
    SOCKET_REDIS_PREFIX: 'test',
    SOCKET_DELIVERY: 'queue',
  });
  if (config.address === undefined) throw new Error('There is an address.');
  const queue = new RelayQueue(config.address, config.prefix, delivery, systemClock, () => undefined);
  onTeardown(() => queue.close());
  return queue;
}

/** Makes so many dead letters, some of them at once, as workers do. */
async function bury(queue: RelayQueue, numbers: readonly number[]): Promise<void> {
  const text = (number: number) => `id-${number} {"v":1,"at":${number},"kind":"channel","to":"orders"}`;
  for (let start = 0; start < numbers.length; start += 64) {
    const some = numbers.slice(start, start + 64);
    await queue.link.use(() =>
      Promise.all(some.map((number) => queue.deadLetters.add('channel orders', text(number), 'HTTP 400'))),
    );
  }
}

/** How many commands Redis has carried out meanwhile. */
async function commandsOf(redis: RedisServer, work: () => Promise<unknown>): Promise<number> {
  const sum = async () => Object.values(await redis.commands()).reduce((all, calls) => all + calls, 0);
  const before = await sum();
  const ofAsking = (await sum()) - before;
  const begun = await sum();
  await work();
  return (await sum()) - begun - ofAsking;
}

/** A server that refuses what is for one member, for good, until it is told otherwise. */
async function startRefusing(memberId: string) {
  let isRefusing = true;
  const api = await HttpApi.start(({ events }) => {
    const isFor = events.some(({ channel }) => channel === `#server-to-user-${memberId}`);
    return isRefusing && isFor ? { status: 400, body: 'no such thing\nfor you' } : undefined;
  });
  return {
    api,
    accept: () => {
      isRefusing = false;
    },
  };
}

test.each(titled(['urn:x:1', 'auth0|5f7c', 'line\nbreak', '{ada}', '💬'.repeat(150)]))(
  'a relay to the member %s keeps its place, and is a letter with that id',
  async (_, id) => {
    const redis = await startRedis();
    const { api, accept } = await startRefusing(wireMemberId(id));
    const { service } = await startQueueApp(redis, api);
    expect(await note(service, id, 1)).toMatchObject({ status: 'queued' });
    await service.relayToMember(id, 'MEMBER_MESSAGED', { from: 'ada', text: '2' }, { delayMs: 1 });
    await eventually(20_000, async () => {
      expect((await service.health()).delivery).toMatchObject({ waiting: 0, queue: { dead: 2, later: 0 } });
    });
    const { out } = await switchboard(redis, 'dead-letters', 'list', '--json');
    expect(out.map((line) => (JSON.parse(line) as { lane: string }).lane)).toEqual([
      `member ${id}`,
      `member ${id}`,
    ]);
    accept();
    expect(await switchboard(redis, 'dead-letters', 'resend', '--all')).toMatchObject({ code: 0, err: [] });
    await eventually(20_000, () => {
      expect(numbersTo(api, wireMemberId(id)).slice(-2)).toEqual([1, 2]);
    });
  },
);

describe('a relay that fails for good', () => {
  test('is a dead letter, is told, and is in nobody’s way', async () => {
    const redis = await startRedis();
    const { api } = await startRefusing('bob');
    const { service, losses } = await startQueueApp(redis, api);
    const { id } = await note(service, 'bob', 1);
    await note(service, 'ada', 1);
    await eventually(20_000, async () => {
      expect((await service.health()).delivery).toMatchObject({ waiting: 0, queue: { dead: 1 } });
    });
    expect(numbersTo(api, 'ada')).toContain(1);
    expect(losses).toMatchObject([
      { id, event: 'MEMBER_MESSAGED', error: { code: 'PROVIDER_REJECTED', lost: ['bob'] } },
    ]);
    expect(service.relays).toMatchObject({ sent: 1, failed: 1 });
  });

  test('can be looked at, and sent again, by a command', async () => {
    const redis = await startRedis();
    const { api, accept } = await startRefusing('bob');
    const { service } = await startQueueApp(redis, api);
    const receipts = [];
    for (const number of upTo(3)) receipts.push(await note(service, 'bob', number));
    await eventually(20_000, async () => {
      expect(await service.health()).toMatchObject({ delivery: { queue: { dead: 3 } } });
    });

    const listed = await switchboard(redis, 'dead-letters');
    expect(listed).toMatchObject({ code: 0, err: [] });
    expect(listed.out.at(-1)).toBe('3 dead letter(s)');
    expect(listed.out[0]).toMatch(new RegExp(`^${receipts[0]?.id}@member/bob@\\w+\n`));
    expect(listed.out[0]).toContain('\n  MEMBER_MESSAGED to member bob: {"from":"ada","text":"0"}\n');

    const asJson = await switchboard(redis, 'dead-letters', 'list', '--json');
    const letters = asJson.out.map((line) => JSON.parse(line) as { key: string; id: string; reason: string });
    expect(letters.map(({ id }) => id)).toEqual(receipts.map(({ id }) => id));
    expect(letters[0]?.reason).toMatch(/400/);

    const seen = api.events.length;
    accept();
    const [first, , third] = letters;
    expect(
      await switchboard(redis, 'dead-letters', 'resend', String(first?.key), String(third?.key)),
    ).toEqual({
      code: 0,
      out: ['2 dead letter(s) sent again'],
      err: [],
    });
    await eventually(10_000, () => {
      expect(numbersTo({ events: api.events.slice(seen) }, 'bob')).toEqual([0, 2]);
    });
    expect(await switchboard(redis, 'dead-letters', 'resend', '--all')).toMatchObject({
      out: ['1 dead letter(s) sent again'],
    });
    await eventually(10_000, () => {
      expect(numbersTo({ events: api.events.slice(seen) }, 'bob')).toEqual([0, 2, 1]);
    });
    expect((await switchboard(redis, 'dead-letters')).out).toEqual(['0 dead letter(s)']);
  });

  test('can be sent again while nobody works on the queue, and dies again where it is refused again', async () => {
    const redis = await startRedis();
    const { api } = await startRefusing('bob');
    const { service, close } = await startQueueApp(redis, api);
    await note(service, 'bob', 7);
    await eventually(20_000, async () => {
      expect(await service.health()).toMatchObject({ delivery: { queue: { dead: 1 } } });
    });
    await close();
    expect((await switchboard(redis, 'dead-letters', 'resend', '--all')).code).toBe(0);
    expect((await switchboard(redis, 'dead-letters')).out).toEqual(['0 dead letter(s)']);
    const { service: another } = await startQueueApp(redis, api);
    await eventually(20_000, async () => {
      expect(await another.health()).toMatchObject({ delivery: { waiting: 0, queue: { dead: 1 } } });
    });
  });

  test('is one again where it dies again before the first one is gone', async () => {
    const redis = await startRedis();
    const { api } = await startRefusing('bob');
    const { service } = await startQueueApp(redis, api);
    const isDone = () =>
      eventually(20_000, async () => {
        expect(await service.health()).toMatchObject({ delivery: { waiting: 0, queue: { dead: 1 } } });
      });
    await note(service, 'bob', 7);
    await isDone();
    const queue = openQueue(redis);
    const letters = queue.deadLetters;
    const [key = ''] = await queue.link.use(() => letters.keys());
    // The worker is quicker than the call that sends it again.
    const push = queue.lanes.push.bind(queue.lanes);
    jest.spyOn(queue.lanes, 'push').mockImplementation(async (relay, at) => {
      const full = await push(relay, at);
      await queue.wake(lanesOf(relay));
      await eventually(20_000, () => {
        expect(service.relays.failed).toBe(2);
      });
      return full;
    });
    expect(await letters.resend(key)).toBe(true);
    await isDone();
    expect(await letters.keys()).toHaveLength(1);
  });

  test('stays one where there is no room to send it again', async () => {
    const redis = await startRedis();
    const { api } = await startRefusing('bob');
    const { service, close } = await startQueueApp(redis, api);
    await note(service, 'bob', 1);
    await eventually(20_000, async () => {
      expect(await service.health()).toMatchObject({ delivery: { waiting: 0, queue: { dead: 1 } } });
    });
    await close();
    const handsIn = await startQueueApp(redis, api, { delivery: { queueConcurrency: 0 } });
    await note(handsIn.service, 'ada', 1);
    const full = { SOCKET_MAX_WAITING_RELAYS: '1' };
    const { code, err, out } = await switchboardIn(full, redis, 'dead-letters', 'resend', '--all');
    expect({ code, out }).toEqual({ code: 1, out: ['0 dead letter(s) sent again'] });
    expect(err.join()).toMatch(/was not sent again: 1 of 1 relays are waiting already/);
    expect(await handsIn.service.health()).toMatchObject({ delivery: { waiting: 1, queue: { dead: 1 } } });
  });

  test('is seen once by each of those who look at thousands, or send them again, while others come and go', async () => {
    const redis = await startRedis();
    const { api, accept } = await startRefusing('bob');
    const { service } = await startQueueApp(redis, api);
    const count = 1_500;
    await Promise.all(upTo(count).map((number) => note(service, 'bob', number)));
    await eventually(60_000, async () => {
      expect(await service.health()).toMatchObject({ delivery: { waiting: 0, queue: { dead: count } } });
    });
    accept();
    const seen = api.events.length;
    const [listed, resent] = await Promise.all([
      switchboard(redis, 'dead-letters', 'list', '--json'),
      switchboard(redis, 'dead-letters', 'resend', '--all'),
    ]);
    expect(resent).toEqual({ code: 0, out: [`${count} dead letter(s) sent again`], err: [] });
    const ids = listed.out.map((line) => (JSON.parse(line) as { id: string }).id);
    expect(new Set(ids).size).toBe(ids.length);
    await eventually(30_000, () => {
      expect(numbersTo({ events: api.events.slice(seen) }, 'bob')).toEqual(upTo(count));
    });
    expect((await switchboard(redis, 'dead-letters')).out).toEqual(['0 dead letter(s)']);
  });

  test('can be named by its message id, as the log has it', async () => {
    const redis = await startRedis();
    const { api } = await startRefusing('bob');
    const { service } = await startQueueApp(redis, api);
    const { id } = await note(service, 'bob', 1);
    await eventually(20_000, async () => {
      expect(await service.health()).toMatchObject({ delivery: { queue: { dead: 1 } } });
    });
    expect(await switchboard(redis, 'dead-letters', 'remove', id)).toMatchObject({
      code: 0,
      out: ['1 dead letter(s) removed'],
    });
  });

  test('can be removed', async () => {
    const redis = await startRedis();
    const { api } = await startRefusing('bob');
    const { service } = await startQueueApp(redis, api);
    await note(service, 'bob', 1);
    await eventually(20_000, async () => {
      expect(await service.health()).toMatchObject({ delivery: { queue: { dead: 1 } } });
    });
    expect(await switchboard(redis, 'dead-letters', 'remove', 'nobody')).toEqual({
      code: 1,
      out: ['0 dead letter(s) removed'],
      err: ['There is no dead letter nobody'],
    });
    expect(await switchboard(redis, 'dead-letters', 'remove', '--all')).toMatchObject({ code: 0 });
    expect(await service.health()).toMatchObject({ delivery: { queue: { dead: 0 } } });
  });

  test('pushes the oldest out where there are too many', async () => {
    const redis = await startRedis();
    const { api } = await startRefusing('bob');
    const { service } = await startQueueApp(redis, api, { delivery: { deadLetters: 2 } });
    for (const number of upTo(4)) await note(service, 'bob', number);
    await eventually(20_000, () => {
      expect(service.relays.failed).toBe(4);
    });
    const { out } = await switchboard(redis, 'dead-letters', 'list', '--json');
    const payloads = out.map((line) => (JSON.parse(line) as { payload: string }).payload);
    expect(payloads.map((payload) => (JSON.parse(payload) as { text: string }).text)).toEqual(['2', '3']);
  });

  test('is one that has waited for too long, too', async () => {
    const redis = await startRedis();
    const api = await HttpApi.start(() => ({ status: 500 }));
    const { service, losses } = await startQueueApp(redis, api, { delivery: { retryDeadlineMs: 300 } });
    await note(service, 'ada', 1);
    await eventually(30_000, () => {
      expect(losses).toHaveLength(1);
    });
    expect(await service.health()).toMatchObject({ delivery: { waiting: 0, queue: { dead: 1 } } });
  });
});

describe('many dead letters', () => {
  test('at their maximum cost as much for one more as few, also where many relays die at once', async () => {
    const redis = await startRedis();
    const costs = [];
    for (const maximum of [10, 2_000]) {
      await redis.client().flushall();
      const queue = openQueue(redis, { SOCKET_MAX_DEAD_LETTERS: String(maximum) });
      await bury(queue, upTo(maximum + 64));
      costs.push(
        await commandsOf(redis, () =>
          bury(
            queue,
            upTo(64).map((number) => maximum + 64 + number),
          ),
        ),
      );
      const keys = await queue.deadLetters.keys();
      // The newest of all.
      expect(keys.map((key) => Number(key.slice(3, key.indexOf('@')))).sort((a, b) => a - b)).toEqual(
        upTo(maximum).map((number) => number + 128),
      );
      await queue.close();
    }
    const [few = 0, many = 0] = costs;
    expect(few).toBeLessThan(64 * 20);
    expect(many).toBeLessThanOrEqual(few + 64);
  });

  test('are removed together, a few commands for each, and those that come meanwhile stay', async () => {
    const redis = await startRedis();
    const queue = openQueue(redis);
    await bury(queue, upTo(1_200));
    const { deadLetters } = queue;
    const keys = await deadLetters.keys();
    await bury(queue, [1_200]);
    let missing: readonly string[] = [];
    const commands = await commandsOf(redis, async () => {
      missing = await deadLetters.remove(['nobody', ...keys]);
    });
    expect(missing).toEqual(['nobody']);
    expect(commands).toBeLessThan(1_200 * 4);
    expect((await deadLetters.keys()).map((key) => key.split('@')[0])).toEqual(['id-1200']);
    expect(await switchboard(redis, 'dead-letters', 'remove', '--all')).toEqual({
      code: 0,
      out: ['1 dead letter(s) removed'],
      err: [],
    });
    expect(await redis.client().keys('{test:queue}:dead-letters:id-*')).toEqual([]);
  });

  test('are all listed where others come and go meanwhile', async () => {
    const redis = await startRedis();
    const queue = openQueue(redis);
    await bury(queue, upTo(1_300));
    const { client } = queue.link;
    const all = await client.lrange('{test:queue}:dead-letters:wait', 0, -1);
    const other = redis.client();
    let pages = 0;
    const meanwhile = async (...range: [string, number, number]) => {
      const page = await other.lrange(...range);
      if (++pages === 1) await queue.deadLetters.remove(all.slice(100, 110));
      if (pages === 2) await bury(queue, [1_300, 1_301]);
      return page;
    };
    Object.assign(client, { lrange: meanwhile });
    const keys = await queue.deadLetters.keys();
    expect(keys.filter((key) => !all.slice(100, 110).includes(key))).toEqual(
      all.toSpliced(100, 10).reverse(),
    );
  });
});

describe('the command', () => {
  test.each([
    [['letters']],
    [['dead-letters', 'burn']],
    [['dead-letters', 'resend']],
    [['dead-letters', 'remove']],
    [['dead-letters', 'resend', 'key', '--all']],
    [['dead-letters', 'list', 'key']],
    [['dead-letters', '--everything']],
  ])('says how it is used when it is called with %j', async (words) => {
    const said: string[] = [];
    const code = await main(words, {}, { out: () => undefined, err: (line) => void said.push(line) });
    expect(code).toBe(2);
    expect(said.join()).toMatch(/^Usage: switchboard dead-letters/);
  });

  test('says how it is used when it is asked', async () => {
    const said: string[] = [];
    expect(await main(['--help'], {}, { out: (line) => void said.push(line), err: () => undefined })).toBe(0);
    expect(said.join()).toMatch(/resend/);
  });

  test('says what is wrong with the environment', async () => {
    const said: string[] = [];
    const code = await main(
      ['dead-letters'],
      {},
      { out: () => undefined, err: (line) => void said.push(line) },
    );
    expect(code).toBe(1);
    expect(said.join()).toMatch(/SOCKET_REDIS_URL: says where the queue is/);
  });

  test('ends when Redis cannot be reached', async () => {
    const redis = await startRedis();
    await redis.stop();
    const { code, err } = await switchboard(redis, 'dead-letters');
    expect(code).toBe(1);
    expect(err.join()).toMatch(/cannot be reached/);
  });
});
