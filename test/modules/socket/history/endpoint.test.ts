import type { INestApplication } from '@nestjs/common';
import type { HttpRequest, Identity, SocketModuleOptions } from 'nestjs-switchboard';
import { channelSecret, decoded, opened } from '../../../../src/protocol/encryption.js';
import { ADA, post } from '../../../support/auth-requests.js';
import { FRAMEWORKS, logged } from '../../../support/hosts.js';
import { startRedis } from '../../../support/redis.js';
import { titled } from '../../../support/titled.js';
import { later, NOTED, startShop } from './shop.js';

const ORDERS = 'private-orders.ada';
const OWN = '#server-to-user-ada';
const REDIS_AWAY = { cluster: 'redis', redis: { url: 'redis://127.0.0.1:1' } } as const;

describe.each(Object.keys(FRAMEWORKS) as (keyof typeof FRAMEWORKS)[])(
  'POST /socket/history over %s',
  (framework) => {
    const start = (options: SocketModuleOptions = {}) => startShop(framework, options);

    test.each(titled([ORDERS, OWN, 'broadcast', 'news.sports', 'presence-room.open']))(
      'answers the events after a position, the oldest first, on %s',
      async (_title, channel) => {
        const { ask, live, service } = await start();
        const before = await live(channel, ADA);
        const relay = (payload: unknown) =>
          channel === OWN
            ? service.relayToMember('ada', NOTED, payload as never)
            : service.relayToChannel(channel, NOTED, payload as never);
        for (const payload of [{ n: 1 }, 'two', undefined]) await relay(payload);
        const events = [
          { position: later(before, 1), event: NOTED, data: '{"n":1}' },
          { position: later(before, 2), event: NOTED, data: '"two"' },
          { position: later(before, 3), event: NOTED },
        ];
        const asked = { channel_name: channel, position: before };
        expect(await ask(asked, ADA)).toEqual([200, { events, position: later(before, 3), complete: true }]);
        const rest = { channel_name: channel, position: later(before, 2) };
        expect(await ask(rest, ADA)).toEqual([
          200,
          { events: events.slice(2), position: later(before, 3), complete: true },
        ]);
      },
    );

    test('answers the live position, and no events, to the word live', async () => {
      const { ask, service } = await start();
      const fields = { channel_name: ORDERS, position: 'live' };
      const [, first] = await ask(fields, ADA);
      expect(first).toEqual({
        events: [],
        position: expect.stringMatching(/^[0-9a-z]+\.0$/) as string,
        complete: true,
      });
      await service.relayToChannel(ORDERS, NOTED, 1 as never);
      const [status, second] = await ask(fields, ADA);
      expect([status, second['events'], second['position']]).toEqual([
        200,
        [],
        later(String(first['position']), 1),
      ]);
    });

    test('answers page by page, and says when there is more', async () => {
      const { ask, live, service } = await start({ history: { pageEvents: 2 } });
      const before = await live(ORDERS, ADA);
      for (let n = 1; n <= 5; n++) await service.relayToChannel(ORDERS, NOTED, n as never);
      const pages: unknown[] = [];
      for (let position = before, complete = false; !complete;) {
        const [, body] = await ask({ channel_name: ORDERS, position }, ADA);
        pages.push((body['events'] as { data: string }[]).map(({ data }) => data));
        position = String(body['position']);
        complete = body['complete'] === true;
      }
      expect(pages).toEqual([['1', '2'], ['3', '4'], ['5']]);
    });

    test('answers fewer events where limit says so, and refuses more than a page', async () => {
      const { ask, live, service } = await start({ history: { pageEvents: 3 } });
      const position = await live(ORDERS, ADA);
      for (let n = 1; n <= 5; n++) await service.relayToChannel(ORDERS, NOTED, n as never);
      const asked = { channel_name: ORDERS, position };
      const [, one] = await ask({ ...asked, limit: '1' }, ADA);
      expect(one).toMatchObject({ events: [{ data: '1' }], position: later(position, 1), complete: false });
      expect(await ask({ ...asked, limit: '4' }, ADA)).toEqual([
        400,
        {
          statusCode: 400,
          code: 'INVALID_LIMIT',
          message: 'limit: it must be a whole number from 1 to 3 (SOCKET_HISTORY_PAGE_EVENTS); it is "4"',
        },
      ]);
    });

    test('ends an answer at a mebibyte, also where pages have no limit', async () => {
      const { ask, live, service } = await start({
        history: { pageEvents: 0, channelEvents: 0, channelBytes: 0 },
      });
      const position = await live(ORDERS, ADA);
      const data = 'x'.repeat(10_000);
      for (let n = 0; n < 120; n++) await service.relayToChannel(ORDERS, NOTED, data as never);
      const [, first] = await ask({ channel_name: ORDERS, position, limit: '5000' }, ADA);
      expect(first).toMatchObject({ position: later(position, 104), complete: false });
      expect(first['events']).toHaveLength(104);
      const [, second] = await ask({ channel_name: ORDERS, position: later(position, 104) }, ADA);
      expect(second['events']).toHaveLength(16);
      expect(second['complete']).toBe(true);
    });

    test('leaves out what was left out for a connection of the page, and counts it', async () => {
      const { ask, live, service } = await start();
      const position = await live(ORDERS, ADA);
      for (const [n, exceptSocketId] of [
        [1, '1.1'],
        [2, '2.2'],
        [3, '3.3'],
        [4, undefined],
        [5, '1.1'],
      ] as const)
        await service.relayToChannel(ORDERS, NOTED, n as never, { exceptSocketId });
      const asked = { channel_name: ORDERS, position };
      const datas = async (fields: Record<string, string>) => {
        const [, body] = await ask({ ...asked, ...fields }, ADA);
        expect(body).toMatchObject({ position: later(position, 5), complete: true });
        return (body['events'] as { data: string }[]).map((event) => event.data);
      };
      expect(await datas({})).toEqual(['1', '2', '3', '4', '5']);
      expect(await datas({ socket_id: '' })).toEqual(['1', '2', '3', '4', '5']);
      expect(await datas({ socket_id: '1.1,3.3' })).toEqual(['2', '4']);
      const [, page] = await ask({ ...asked, socket_id: '1.1', limit: '1' }, ADA);
      expect(page).toEqual({ events: [], position: later(position, 1), complete: false });
    });

    test('answers the encrypted data of an encrypted channel', async () => {
      const { ask, live, service } = await start();
      const channel = 'private-encrypted-notes.ada';
      const position = await live(channel, ADA);
      await service.relayToChannel(channel, NOTED, { secret: 1 } as never);
      const [, body] = await ask({ channel_name: channel, position }, ADA);
      const [{ data = '' } = {}] = body['events'] as { data?: string }[];
      expect(data).not.toContain('secret');
      expect(decoded(opened(channelSecret(channel, Buffer.alloc(32, 7)), data))).toEqual({ secret: 1 });
    });

    test('says trimmed where the log does not reach back, and restarted where it is another log', async () => {
      const { ask, live, service } = await start({ history: { channelEvents: 2 } });
      const position = await live(ORDERS, ADA);
      for (let n = 1; n <= 3; n++) await service.relayToChannel(ORDERS, NOTED, n as never);
      const here = later(position, 3);
      const gap = (from: string) => ask({ channel_name: ORDERS, position: from }, ADA);
      expect(await gap(position)).toEqual([200, { gap: 'trimmed', position: here }]);
      expect(await gap('another.3')).toEqual([200, { gap: 'restarted', position: here }]);
      // It has events that this log has not had.
      expect(await gap(later(position, 4))).toEqual([200, { gap: 'restarted', position: here }]);
    });

    test('asks nobody who it is on public channels, and is not cached', async () => {
      const identify = (_: HttpRequest): Identity | null => {
        throw new Error('nobody is asked');
      };
      const { ask, url } = await start({ identify });
      for (const channel of ['broadcast', 'news.sports'])
        expect((await ask({ channel_name: channel, position: 'live' }))[0]).toBe(200);
      const body = new URLSearchParams({ channel_name: 'broadcast', position: 'live' });
      const answer = await fetch(`${url}/socket/history`, { method: 'POST', body });
      expect(answer.headers.get('cache-control')).toBe('no-store');
    });

    test('takes JSON too, with numbers', async () => {
      const { url, live } = await start();
      const position = await live(ORDERS, ADA);
      const body = JSON.stringify({ channel_name: ORDERS, position, limit: 5 });
      const headers = { ...ADA, 'Content-Type': 'application/json' };
      expect(await post(`${url}/socket/history`, body, headers)).toEqual([
        200,
        { events: [], position, complete: true },
      ]);
    });

    test('has 400 for a channel without history, and names the setting', async () => {
      const { ask } = await start({ history: { channels: ['news.{topic}'] } });
      for (const [channel, named] of [
        [ORDERS, `channel "${ORDERS}"`],
        [OWN, '"members"'],
        ['broadcast', 'channel "broadcast"'],
      ] as const)
        expect(await ask({ channel_name: channel, position: 'live' }, ADA)).toEqual([
          400,
          {
            statusCode: 400,
            code: 'NO_HISTORY',
            message: `channel_name: SOCKET_HISTORY has no entry for ${named}`,
          },
        ]);
    });

    test('has 503 and a time to ask again while the log cannot be reached, and logs why', async () => {
      const warnings = logged('warn');
      const errors = logged('error');
      const { url } = await start(REDIS_AWAY);
      const body = new URLSearchParams({ channel_name: ORDERS, position: 'live' });
      const answer = await fetch(`${url}/socket/history`, { method: 'POST', body, headers: ADA });
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
      expect(await answer.json()).toEqual({
        statusCode: 503,
        code: 'HISTORY_UNAVAILABLE',
        message: 'The history cannot be read now: ask again later',
      });
      expect(warnings.lines).toContainEqual(
        expect.stringContaining(`The history of channel "${ORDERS}" could not be read: `),
      );
      expect(errors.lines.join()).not.toContain('history');
    });
  },
);

test('the endpoint is below the module’s path and the application’s prefix', async () => {
  const prepare = (app: INestApplication) => app.setGlobalPrefix('api');
  const { url } = await startShop('express', { path: 'realtime' }, { prepare });
  const body = new URLSearchParams({ channel_name: 'broadcast', position: 'live' });
  expect((await fetch(`${url}/api/realtime/history`, { method: 'POST', body })).status).toBe(200);
});

test('every node answers the events of all nodes, from one log in Redis', async () => {
  const { url } = await startRedis();
  const onRedis = { cluster: 'redis', redis: { url } } as const;
  const [here, there] = [await startShop('express', onRedis), await startShop('fastify', onRedis)];
  const position = await here.live(ORDERS, ADA);
  expect(await there.live(ORDERS, ADA)).toBe(position);
  await here.service.relayToChannel(ORDERS, NOTED, 1 as never);
  await there.service.relayToChannel(ORDERS, NOTED, 2 as never, { exceptSocketId: '1.1' });
  const events = [
    { position: later(position, 1), event: NOTED, data: '1' },
    { position: later(position, 2), event: NOTED, data: '2' },
  ];
  const asked = { channel_name: ORDERS, position };
  for (const { ask, service } of [here, there]) {
    expect(await ask(asked, ADA)).toEqual([200, { events, position: later(position, 2), complete: true }]);
    expect(await ask({ ...asked, socket_id: '1.1' }, ADA)).toEqual([
      200,
      { events: events.slice(0, 1), position: later(position, 2), complete: true },
    ]);
    const entries = await service.history(ORDERS);
    expect(entries?.map((entry) => entry.payload)).toEqual([1, 2]);
    expect(Math.abs(Date.now() - Number(entries?.[0]?.at))).toBeLessThan(60_000);
  }
  expect((await here.ask({ channel_name: ORDERS, position: 'another.1' }, ADA))[1]).toEqual({
    gap: 'restarted',
    position: later(position, 2),
  });
});
