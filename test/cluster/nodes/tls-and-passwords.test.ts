import { jest } from '@jest/globals';
import { Api } from '../../support/cluster/api.js';
import { NODE_SETTINGS } from '../../support/cluster/app.js';
import { clusterSettings } from '../../support/cluster/cluster.js';
import { EngineNode, rosterOf } from '../../support/cluster/engines.js';
import { Member } from '../../support/cluster/member.js';
import { ClusterNode } from '../../support/cluster/nodes.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';
import { startRedis } from '../../support/redis.js';
import { startProtectedRedis } from '../../support/redis-protected.js';
import { startTlsRedis } from '../../support/redis-tls.js';

jest.setTimeout(180_000);

const ROOM = 'presence-room';
const NEWS = 'private-news';

/** Fails unless these two nodes are one. */
async function expectOne(first: EngineNode, second: EngineNode): Promise<void> {
  const ada = await first.joins(ROOM, 'ada');
  await second.joins(ROOM, 'bob');
  await eventually(SETTLED_MS, async () => {
    expect(ada.frames('pusher_internal:member_added')).toMatchObject([{ data: { user_id: 'bob' } }]);
    for (const node of [first, second]) expect(await rosterOf(node, ROOM)).toEqual(['ada', 'bob']);
  });
}

describe('A Redis that speaks TLS only', () => {
  test('is trusted by the certificate that Node is told of, and carries everything between two processes', async () => {
    const { server, caFile } = await startTlsRedis();
    const env = { ...NODE_SETTINGS, ...clusterSettings(server), NODE_EXTRA_CA_CERTS: caFile };
    const [first, second] = await Promise.all([ClusterNode.start(env), ClusterNode.start(env)]);
    const ada = await Member.on(first, 'ada', ROOM, NEWS);
    const bob = await Member.on(second, 'bob', ROOM, NEWS);
    await second.call('relayToMember', 'ada', 'HELLO', { n: 1 });
    await first.call('relayToChannel', NEWS, 'NEWS', { n: 2 });
    await eventually(SETTLED_MS, async () => {
      expect(ada.payloads('HELLO')).toEqual([{ n: 1 }]);
      expect(bob.payloads('NEWS')).toEqual([{ n: 2 }]);
      expect(await new Api(first).roster(ROOM)).toEqual(['ada', 'bob']);
      expect(await first.call('health')).toMatchObject({ status: 'up' });
    });
    expect(await server.client().zcard('switchboard:{#}:nodes')).toBe(2);
    // A handshake that is broken off ends no process.
    for (let restart = 0; restart < 2; restart++) {
      await server.stop();
      await eventually(SETTLED_MS, async () => {
        for (const node of [first, second])
          expect(await node.call('health')).not.toMatchObject({ status: 'up' });
      });
      await server.restart();
      await eventually(SETTLED_MS, async () => {
        await first.call('relayToChannel', NEWS, `AFTER_${restart}`);
        expect(bob.payloads(`AFTER_${restart}`).length).toBeGreaterThan(0);
        expect(await new Api(second).roster(ROOM)).toEqual(['ada', 'bob']);
      });
    }
    await Promise.all([first.close(), second.close()]);
  });

  test('is refused when nobody vouches for its certificate, and readiness says why', async () => {
    const { server } = await startTlsRedis();
    const node = await EngineNode.begin(server.url, 1);
    await eventually(SETTLED_MS, () => {
      expect(node.engine.problem).toMatch(/certificate/);
    });
    expect(node.log.join('\n')).toMatch(/certificate/);
    await expect(node.engine.channelInfo(ROOM)).rejects.toThrow(/certificate/);
  });

  test('is not spoken to in plain text by a URL without TLS, and readiness says that it does not work', async () => {
    const { server } = await startTlsRedis();
    const node = await EngineNode.begin(server.url.replace('rediss:', 'redis:'), 1);
    await eventually(SETTLED_MS, () => {
      expect(node.engine.problem).toEqual(expect.any(String));
    });
  });
});

describe('A Redis with passwords', () => {
  test('knows the default user by a password, and another user by name and password, percent-encoded', async () => {
    const redis = await startProtectedRedis();
    const first = await EngineNode.start(redis.server.url, 1);
    const second = await EngineNode.start(redis.userUrl, 2);
    await expectOne(first, second);
    const clients = (await redis.server.client().client('LIST')) as string;
    expect(clients).toContain(`user=${redis.user.name} `);
    expect([...first.log, ...second.log].join('\n')).not.toMatch(/ERR|WRONGPASS|NOAUTH/);
  });

  const wrong = [
    [
      'a wrong password',
      (url: string) => url.replace(/:[^:@/]+@/, ':not%2Fthe-password@'),
      'not/the-password',
    ],
    ['a wrong user', (url: string) => url.replace(/\/\/\w*:/, '//stranger:'), undefined],
    ['no password', (url: string) => url.replace(/\/\/.*@/, '//'), undefined],
  ] as const;

  test.each(wrong)(
    'refuses %s, and readiness and the log say so without a secret',
    async (_, change, attempt) => {
      const redis = await startProtectedRedis();
      const url = change(redis.userUrl);
      expect(url).not.toBe(redis.userUrl);
      const settings = { ...NODE_SETTINGS, ...clusterSettings({ url }) };
      const node = await ClusterNode.start(settings);
      const ada = await Member.on(node, 'ada', NEWS);
      await eventually(SETTLED_MS, async () => {
        const health = await node.call('health');
        expect(health).not.toMatchObject({ status: 'up' });
        expect(JSON.stringify(health)).toMatch(/WRONGPASS|NOAUTH|auth/i);
      });
      // Everything that needs no other node goes on.
      await node.call('relayToChannel', NEWS, 'STILL_HERE');
      await eventually(SETTLED_MS, () => {
        expect(ada.payloads('STILL_HERE')).toHaveLength(1);
      });
      expect(node.output).toMatch(/Redis cannot be reached: .*(WRONGPASS|NOAUTH)/);
      const shown = node.output + JSON.stringify(await node.call('health'));
      for (const secret of [redis.user.password, redis.password, attempt ?? '']) {
        if (secret === '') continue;
        expect(shown).not.toContain(secret);
        expect(shown).not.toContain(encodeURIComponent(secret));
      }
    },
  );

  test('is found again by itself once the password is what the URL says', async () => {
    const redis = await startRedis();
    const url = redis.url.replace('//', '//:later@');
    const admin = redis.client({ password: 'another' });
    await redis.client().config('SET', 'requirepass', 'another');
    const node = await EngineNode.begin(url, 1);
    await eventually(SETTLED_MS, () => {
      expect(node.engine.problem).toMatch(/WRONGPASS/);
    });
    await admin.auth('another').catch(() => undefined);
    await admin.config('SET', 'requirepass', 'later');
    await eventually(SETTLED_MS, () => {
      expect(node.engine.problem).toBeUndefined();
    });
  });

  test('may allow its user no more than its own keys, channels and commands', async () => {
    const rules = ['~shop:*', '&shop:*', '+@all', '-@dangerous', '+info'];
    const redis = await startProtectedRedis({ rules });
    const [first, second] = await EngineNode.two(redis.userUrl, { prefix: 'shop' });
    await expectOne(first, second);
    expect([...first.log, ...second.log].join('\n')).not.toContain('NOPERM');
  });
});

describe('A Redis that applications share', () => {
  test('keeps the data in the database that the URL names', async () => {
    const redis = await startRedis();
    const node = await EngineNode.start(`${redis.url}/3`, 1);
    await node.joins(ROOM, 'ada');
    expect(await redis.client({ db: 3 }).hexists(`switchboard:3:{${ROOM}}`, '@ada')).toBe(1);
    expect(await redis.client({ db: 0 }).dbsize()).toBe(0);
  });

  test('keeps applications in two databases apart, although pub/sub knows no databases', async () => {
    const redis = await startRedis();
    const [shop, bank] = [
      await EngineNode.start(`${redis.url}/1`, 1),
      await EngineNode.start(`${redis.url}/2`, 2),
    ];
    const [ofShop, ofBank] = [await shop.joins(NEWS), await bank.joins(NEWS)];
    await shop.engine.publish(NEWS, 'secret-of-the-shop', '1');
    await bank.engine.publish(NEWS, 'secret-of-the-bank', '2');
    await eventually(SETTLED_MS, () => {
      expect(ofShop.frames('secret-of-the-shop')).toHaveLength(1);
      expect(ofBank.frames('secret-of-the-bank')).toHaveLength(1);
    });
    // Behind whatever was under way from one to the other.
    await (await shop.joins('private-own')).joins('private-own-too');
    expect(ofShop.frames('secret-of-the-bank')).toEqual([]);
    expect(ofBank.frames('secret-of-the-shop')).toEqual([]);
  });

  test('keeps two prefixes apart: events, members, watchlists and terminations', async () => {
    const redis = await startRedis();
    const settings = { presenceGraceMs: 0 };
    const shop = await EngineNode.start(redis.url, 1, { ...settings, prefix: 'shop' });
    const bank = await EngineNode.start(redis.url, 2, { ...settings, prefix: 'shop:' });
    const [ofShop, ofBank] = [await shop.joins(ROOM, 'ada'), await bank.joins(ROOM, 'bob')];
    for (const client of [ofShop, ofBank]) await client.isSignedIn({ id: 'ada', watchlist: ['cy'] });
    await shop.connects().isSignedIn({ id: 'cy' });
    await shop.engine.publish(ROOM, 'news', '1');
    await shop.engine.terminateEverywhere('#server-to-user-ada');
    await eventually(SETTLED_MS, () => {
      expect(ofShop.frames('news')).toHaveLength(1);
      expect(ofShop.frames('pusher_internal:watchlist_events')).toHaveLength(2);
      expect(ofShop.closes).toEqual([4009]);
    });
    await bank.joins('private-own');
    expect(ofBank.frames('news')).toEqual([]);
    expect(ofBank.frames('pusher_internal:watchlist_events')).toHaveLength(1);
    expect(ofBank.closes).toEqual([]);
    expect(await rosterOf(bank, ROOM)).toEqual(['bob']);
    expect(await rosterOf(shop, ROOM)).toEqual([]);
    for (const { engine } of [shop, bank]) expect(engine.statistics).toMatchObject({ malformed: 0 });
  });
});
