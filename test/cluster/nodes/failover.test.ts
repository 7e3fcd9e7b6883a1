import { jest } from '@jest/globals';
import { heard, HelperPage, openPlainPage, startTwo, text } from '../../e2e/two-providers/support.js';
import { logged } from '../../support/hosts.js';
import { startRedis } from '../../support/redis.js';

jest.setTimeout(60_000);

test('when Redis is gone, pusher takes over from ws, and a node still serves its own connections', async () => {
  logged('warn');
  logged('error');
  logged('log');
  const redis = await startRedis();
  const { backend, service, inForce } = await startTwo({
    provider: ['ws', 'pusher'],
    second: { recheckS: 1 },
    delivery: { breakerFailures: 2 },
    cluster: 'redis',
    redis: { url: redis.url, prefix: 'failover' },
  });
  const page = await HelperPage.open(backend, 'ada');
  const stays = await openPlainPage(backend, 'alan', Number(new URL(backend.url).port));
  expect(page.socket.provider).toBe('ws');
  let sent = 0;
  const talk = async () => {
    const { status } = await service.relayToMembers(['ada', 'alan'], 'MEMBER_MESSAGED', text(++sent));
    expect(status).toBe('sent');
    expect(await page.next()).toEqual(heard(sent));
    expect(await stays.next()).toEqual(heard(sent));
  };
  const relayUntil = async (provider: string) => {
    while ((await inForce()) !== provider) await service.relayToChannel('nobody-is-here', 'TEST_TICKED');
  };
  await talk();

  await redis.stop();
  await relayUntil('pusher');
  expect(await service.health()).toMatchObject({ status: 'degraded', second: { provider: 'pusher' } });
  await page.arrived('pusher');
  await talk();

  await redis.restart();
  await relayUntil('ws');
  await talk();
  await page.arrived('ws');
  await talk();
});

test('a page that one process led to ws hears what another one relays, for which pusher is in force', async () => {
  logged('warn');
  const { url } = await startRedis();
  const shared = {
    provider: ['pusher', 'ws'],
    delivery: { breakerFailures: 1 },
    cluster: 'redis',
    redis: { url, prefix: 'failover' },
  } as const;
  const [leads, relays] = [await startTwo(shared), await startTwo(shared)];
  leads.api.cut();
  await leads.service.relayToMember('nobody', 'MEMBER_MESSAGED', text(0));
  const page = await HelperPage.open(leads.backend, 'ada');
  expect(page.socket.provider).toBe('ws');
  expect(await relays.inForce()).toBe('pusher');
  for (let n = 1; n <= 5; n++) await relays.service.relayToMember('ada', 'MEMBER_MESSAGED', text(n));
  for (let n = 1; n <= 5; n++) expect(await page.next()).toEqual(heard(n));
  expect(await relays.service.onlineMembers(['ada'])).toEqual(new Set(['ada']));
});
