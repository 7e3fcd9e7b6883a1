import { logged } from '../../support/hosts.js';
import { heard, HelperPage, openPlainPage, type ProviderPair, startTwo, text } from './support.js';

/** A second provider, asked for again by pages every second, after two failures. */
const FAILOVER = {
  provider: ['pusher', 'ws'],
  second: { recheckS: 1 },
  delivery: { breakerFailures: 2 },
} as const;

/** Relays to somebody who is nowhere, until `/socket/config` leads to a provider. Says what the receipts said. */
async function relayUntil(
  provider: string,
  { service, inForce }: ProviderPair,
): Promise<ReadonlySet<string>> {
  const statuses = new Set<string>();
  for (let n = 0; (await inForce()) !== provider; n++) {
    statuses.add((await service.relayToMember(`nobody-${n}`, 'MEMBER_MESSAGED', text(n))).status);
  }
  return statuses;
}

describe.each([
  ['as a whole', true],
  ['with its HTTP API only', false],
])('when the primary provider goes away %s', (_, withSockets) => {
  test('a page with the helper moves to the secondary and back, and hears in order all that is relayed on either', async () => {
    const { lines } = logged('warn');
    logged('log');
    const two = await startTwo(FAILOVER);
    const { backend, service, api, sockets, inForce } = two;
    const page = await HelperPage.open(backend, 'ada');
    const channel = page.socket.channel('news');
    expect(page.socket.provider).toBe('pusher');
    let sent = 0;
    const relay = () => service.relayToMember('ada', 'MEMBER_MESSAGED', text(sent++));
    /** Relays without waiting for anything in between, and expects to hear just that. */
    const talk = async () => {
      const first = sent;
      const receipts = await Promise.all(Array.from({ length: 5 }, relay));
      for (let n = first; n < sent; n++) expect(await page.next()).toEqual(heard(n));
      expect(new Set(receipts.map(({ status }) => status))).toEqual(new Set(['sent']));
    };
    await talk();

    api.cut();
    if (withSockets) sockets.cut();
    const statuses = await relayUntil('ws', two);
    expect([...statuses]).not.toContain('failed');
    expect(service.provider).toBe('ws');
    expect(lines).toContain('The provider "pusher" keeps failing: "ws" takes over');
    expect(await service.health()).toMatchObject({
      status: 'degraded',
      second: { provider: 'ws', role: 'failover', status: 'up' },
    });
    await page.arrived('ws');
    expect(page.socket.provider).toBe('ws');
    await talk();
    expect(await service.onlineMembers(['ada', 'alan'])).toEqual(new Set(['ada']));
    expect(await inForce()).toBe('ws');

    api.mend();
    sockets.mend();
    expect([...(await relayUntil('pusher', two))]).not.toContain('failed');
    // Until the page has moved back, it still hears everything on the second.
    await talk();
    await page.arrived('pusher');
    await talk();
    expect(await service.health()).toMatchObject({ status: 'up', second: { breaker: 'closed' } });
    expect(service.relays).toMatchObject({ failed: 0 });
    // The page's subscriptions and bindings are where they were.
    expect(page.socket.channel('news')).toBe(channel);
    expect(page.socket.pusher.connection.state).toBe('connected');
  }, 30_000);
});

test('pages without the helper stay where they were led: on the secondary as long as they like, on the primary until it is back', async () => {
  logged('warn');
  logged('log');
  const two = await startTwo(FAILOVER);
  const { backend, service, api, sockets } = two;
  const onPusher = await openPlainPage(backend, 'ada', sockets.port);
  api.cut();
  await relayUntil('ws', two);
  const onWs = await openPlainPage(backend, 'ada', Number(new URL(backend.url).port));
  await service.relayToMember('ada', 'MEMBER_MESSAGED', text(1));
  expect(await onWs.next()).toEqual(heard(1));
  api.mend();
  await relayUntil('pusher', two);
  await service.relayToMember('ada', 'MEMBER_MESSAGED', text(2));
  expect(await onWs.next()).toEqual(heard(2));
  // The relays that were sent while its provider could not be reached did not reach it.
  expect(await onPusher.next()).toEqual(heard(2));
}, 30_000);

test('a member who is disconnected while the primary provider is away is so there, too, once it is back', async () => {
  logged('warn');
  logged('log');
  const two = await startTwo(FAILOVER);
  const { backend, service, api, sockets } = two;
  const { pusher } = await openPlainPage(backend, 'ada', sockets.port);
  const ended = new Promise<void>((resolve) => {
    pusher.connection.bind('disconnected', () => {
      resolve();
    });
  });
  api.cut();
  await relayUntil('ws', two);
  expect(await service.disconnectMember('ada')).toMatchObject({ status: 'sent' });
  expect(pusher.connection.state).toBe('connected');
  api.mend();
  await relayUntil('pusher', two);
  await ended;
}, 30_000);

test('a page that was disconnected for good asks no more, and stays away', async () => {
  logged('warn');
  logged('log');
  const two = await startTwo(FAILOVER);
  const { backend, service, api } = two;
  const page = await HelperPage.open(backend, 'ada');
  await service.disconnectMember('ada');
  const { connection } = page.socket.pusher;
  await new Promise<void>((resolve) => {
    if (connection.state === 'disconnected') resolve();
    connection.bind('disconnected', () => {
      resolve();
    });
  });
  api.cut();
  await relayUntil('ws', two);
  // Somebody else moves over meanwhile.
  const other = await HelperPage.open(backend, 'alan');
  expect(other.socket.provider).toBe('ws');
  api.mend();
  await relayUntil('pusher', two);
  await other.arrived('pusher');
  expect(page.socket.provider).toBe('pusher');
  expect(connection.state).toBe('disconnected');
}, 30_000);
