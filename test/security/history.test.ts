import type { SocketService } from 'nestjs-switchboard';
import { type HttpRequest, type Identity } from 'nestjs-switchboard';
import { later, NOTED, type Shop, startShop } from '../modules/socket/history/shop.js';
import { ADA, type Answer, form, post } from '../support/auth-requests.js';
import { FRAMEWORKS, logged } from '../support/hosts.js';
import { titled } from '../support/titled.js';
import { everythingLogged } from './support.js';

const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';

// The events that an application has kept for its members, and callers who ask for those of others.

const BOB = { 'x-member': 'bob' };
const ADAS = [
  'private-orders.ada',
  'private-encrypted-notes.ada',
  'presence-room.closed',
  '#server-to-user-ada',
  'private-nobodys.7',
];

describe.each(Object.keys(FRAMEWORKS) as (keyof typeof FRAMEWORKS)[])(
  'POST /socket/history over %s',
  (framework) => {
    const relayTo = ({ service }: { service: SocketService }, channel: string) =>
      channel === '#server-to-user-ada'
        ? service.relayToMember('ada', NOTED, { secret: 'told' } as never)
        : service.relayToChannel(channel, NOTED, { secret: 'told' } as never);

    describe.each([
      ['another member', BOB],
      ['a caller whom nobody knows', {}],
    ])('%s', (_who, headers: Record<string, string>) => {
      test.each(ADAS)('learns nothing of %s: neither an event nor whether there is one', async (channel) => {
        logged('warn');
        const shop = await startShop(framework);
        const answers: Answer[] = [];
        const ask = async () => {
          for (const position of ['live', 'a.0', 'a.1', `${'z'.repeat(32)}.999999999999999`])
            answers.push(await shop.ask({ channel_name: channel, position }, headers));
        };
        await ask();
        await relayTo(shop, channel);
        await ask();
        const [first] = answers;
        expect(first?.[0]).toBe(403);
        for (const answer of answers) expect(answer).toEqual(first);
        expect(JSON.stringify(answers)).not.toContain('told');
        expect(Object.keys(first?.[1] ?? {}).sort()).toEqual(['code', 'message', 'statusCode']);
      });

      test('gets the same answer where the channel has no history at all, and where its log is away', async () => {
        logged('warn');
        logged('error');
        const fields = { channel_name: 'private-orders.ada', position: 'live' };
        const away = { cluster: 'redis', redis: { url: 'redis://127.0.0.1:1' } } as const;
        const shops = [
          await startShop(framework),
          await startShop(framework, { history: { channels: [] } }),
          await startShop(framework, away),
        ];
        const answers = await Promise.all(shops.map((shop) => shop.ask(fields, headers)));
        for (const answer of answers) expect(answer).toEqual(answers[0]);
        expect(answers[0]?.[0]).toBe(403);
      });
    });

    test.each([
      '#server-to-user-ada',
      '#server-to-user-ADA',
      '#server-to-user-',
      '#server-to-user-=YWRh',
      '#server-to-user-bob,#server-to-user-ada',
      '#server-to-user-bob\n',
      '#server-to-user-bob/../ada',
      ` #server-to-user-ada`,
      '#presence-room.open',
      '##server-to-user-ada',
      `#server-to-user-${'b'.repeat(5_000)}`,
    ])('no name is another way to another member’s own channel: %j', async (channel) => {
      const { ask, service } = await startShop(framework);
      await service.relayToMember('ada', NOTED, { secret: 'told' } as never);
      const [status, body] = await ask({ channel_name: channel, position: 'live' }, BOB);
      expect([400, 403]).toContain(status);
      expect(body).not.toHaveProperty('position');
      expect(String(body['message']).length).toBeLessThan(300);
    });

    test('a member with an unusual id reads its own channel, and no other', async () => {
      const { ask, service } = await startShop(framework);
      const headers = { 'x-member': encodeURIComponent('auth0|ada') };
      await service.relayToMember('auth0|ada', NOTED, 1 as never);
      const own = `#server-to-user-=${Buffer.from('auth0|ada').toString('base64url')}`;
      expect((await ask({ channel_name: own, position: 'live' }, headers))[0]).toBe(200);
      expect((await ask({ channel_name: '#server-to-user-auth0|ada', position: 'live' }, headers))[0]).toBe(
        403,
      );
      expect((await ask({ channel_name: own, position: 'live' }, ADA))[0]).toBe(403);
    });

    test('an identity that is none reads nothing, and is not told why', async () => {
      const errors = logged('error');
      const identify = (_: HttpRequest) => ({ id: '' }) as Identity;
      const { ask } = await startShop(framework, { identify });
      for (const channel of ['#server-to-user-', '#server-to-user-ada']) {
        const [status, body] = await ask({ channel_name: channel, position: 'live' }, ADA);
        expect([status, body['code']]).toEqual([403, 'INVALID_MEMBER']);
      }
      expect(errors.lines.join()).toContain('bad member id');
    });

    test('the position of one channel says nothing of another', async () => {
      const { ask, live, service } = await startShop(framework);
      for (const channel of ['private-orders.bob', 'private-orders.bob', 'private-orders.ada'])
        await service.relayToChannel(channel, NOTED, { to: channel } as never);
      const bobs = await live('private-orders.bob', BOB);
      const adas = await live('private-orders.ada', ADA);
      for (const position of [bobs, later(bobs, -1), later(bobs, -2), later(bobs, 1)])
        expect(await ask({ channel_name: 'private-orders.ada', position }, ADA)).toEqual([
          200,
          { gap: 'restarted', position: adas },
        ]);
    });

    test.each(
      titled([
        '',
        ' live',
        'LIVE',
        'live ',
        '7',
        '.7',
        'a.',
        'a.b',
        'a.-1',
        'a.+1',
        'a.1.2',
        'a.1e3',
        'a.0x1',
        'a. 1',
        'a.1\n',
        'A.1',
        'é.1',
        'a.１',
        `${'a'.repeat(33)}.1`,
        `a.${'9'.repeat(16)}`,
        `a.${'9'.repeat(10_000)}`,
        '__proto__.1',
        '*.1',
        "a.1'; DROP TABLE orders",
        '[object Object]',
        'null',
      ]),
    )('the position %s is answered 400, in a sentence that names it', async (_title, position) => {
      const { ask } = await startShop(framework);
      const [status, { code, message }] = await ask({ channel_name: 'broadcast', position });
      expect([status, code]).toEqual([400, 'INVALID_POSITION']);
      expect(message).toMatch(/^position: it must be a position like/);
      expect(String(message).length).toBeLessThan(300);
    });

    test.each(
      titled(['0', '-1', '1.5', '101', '1e9', '', ' 5', '5 ', 'all', '9'.repeat(400), 'Infinity', '0x5']),
    )('the limit %s is answered 400, also where it would be small', async (_title, limit) => {
      const { ask } = await startShop(framework);
      const [status, { code }] = await ask({ channel_name: 'broadcast', position: 'live', limit });
      expect([status, code]).toEqual([400, 'INVALID_LIMIT']);
    });

    test.each(
      titled([
        ',',
        '1.1,',
        '1.1, 2.2',
        'a.b',
        '1',
        '*',
        Array.from({ length: 21 }, (_, n) => `1.${n}`).join(','),
        `${'1'.repeat(21)}.1`,
      ]),
    )('the socket ids %s are answered 400', async (_title, socket_id) => {
      const { ask } = await startShop(framework);
      const [status, { code }] = await ask({ channel_name: 'broadcast', position: 'live', socket_id });
      expect([status, code]).toEqual([400, 'INVALID_SOCKET_ID']);
    });

    test.each<[title: string, body: string | null, type: string]>([
      ['no body', null, 'application/x-www-form-urlencoded'],
      ['a position given twice', 'channel_name=broadcast&position=live&position=a.1', FORM],
      ['a channel given twice', 'channel_name=broadcast&channel_name=news.x&position=live', FORM],
      ['a position with an index', 'channel_name=broadcast&position[0]=live', FORM],
      ['a position with a name', 'channel_name=broadcast&position[live]=live', FORM],
      ['a list of positions', '{"channel_name":"broadcast","position":["live"]}', JSON_TYPE],
      [
        'a position that is an object',
        '{"channel_name":"broadcast","position":{"epoch":"a","offset":1}}',
        JSON_TYPE,
      ],
      ['a position that is null', '{"channel_name":"broadcast","position":null}', JSON_TYPE],
      ['a position that is a number', '{"channel_name":"broadcast","position":1.5}', JSON_TYPE],
      ['a list of channels', '{"channel_name":["broadcast"],"position":"live"}', JSON_TYPE],
      ['a limit that is true', '{"channel_name":"broadcast","position":"live","limit":true}', JSON_TYPE],
      ['a limit that is null', '{"channel_name":"broadcast","position":"live","limit":null}', JSON_TYPE],
      ['a list of limits', '{"channel_name":"broadcast","position":"live","limit":[1]}', JSON_TYPE],
      [
        'a list of socket ids',
        '{"channel_name":"broadcast","position":"live","socket_id":["1.1"]}',
        JSON_TYPE,
      ],
      ['fields of a prototype', '{"__proto__":{"channel_name":"broadcast","position":"live"}}', JSON_TYPE],
    ])('%s is answered 400', async (_title, body, type) => {
      const { url } = await startShop(framework);
      const [status] = await post(`${url}/socket/history`, body, { 'Content-Type': type });
      expect(status).toBe(400);
    });

    test('a body that is too large is refused, as on the other endpoints', async () => {
      const { url } = await startShop(framework, {}, { settings: { bodyParser: false } });
      const fields = { channel_name: 'broadcast', position: 'live', more: 'x'.repeat(20_000) };
      const [status] = await form(`${url}/socket/history`, fields);
      expect(status).toBe(413);
    });

    test('another site’s page cannot read what a member’s cookie could', async () => {
      const identify = ({ headers }: HttpRequest) =>
        headers.cookie === 'session=ada' ? { id: 'ada' } : null;
      const { url } = await startShop(framework, { identify });
      const answer = await fetch(`${url}/socket/history`, {
        method: 'POST',
        headers: { Cookie: 'session=ada', Origin: 'https://evil.example' },
        body: new URLSearchParams({ channel_name: 'private-orders.ada', position: 'live' }),
      });
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      expect((await fetch(`${url}/socket/history?channel_name=broadcast&position=live`)).status).toBe(404);
    });

    test('a field of a stranger forges no line of the log', async () => {
      const log = everythingLogged();
      const shop: Shop = await startShop(framework);
      const forged = 'x\n[Nest] 1 - LOG all is well';
      for (const fields of [
        { channel_name: `#server-to-user-${forged}`, position: 'live' },
        { channel_name: forged, position: 'live' },
        { channel_name: 'broadcast', position: forged },
        { channel_name: 'broadcast', position: 'live', limit: forged },
        { channel_name: 'broadcast', position: 'live', socket_id: forged },
      ])
        expect([400, 403]).toContain((await shop.ask(fields, BOB))[0]);
      expect(log.lines.length).toBeGreaterThan(0);
      for (const line of log.lines) expect(line).not.toMatch(/\n/);
    });
  },
);
