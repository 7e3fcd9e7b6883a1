import { SocketService, SocketUsageError } from 'nestjs-switchboard';
import { type FakeHost, startFake, startHost } from '../support/hosts.js';
import { openBrowser } from '../support/pusher-browser.js';
import { startRedis } from '../support/redis.js';
import { onTeardown } from '../support/teardown.js';

const KINDS = [
  ['without history', []],
  ['with history', ['members', 'broadcast', 'private-orders.{id}']],
] as const;

/** How one kind of relay is made, with options. */
type Make = (
  service: FakeHost['service'],
  options: { readonly idempotencyKey: string; readonly delayMs?: number },
) => Promise<{ readonly id: string; readonly status: string }>;

const RELAYS: Record<string, Make> = {
  relayToMember: (service, options) => service.relayToMember('ada', 'TEST_TICKED', undefined, options),
  relayToMembers: (service, options) => service.relayToMembers(['ada'], 'TEST_TICKED', undefined, options),
  broadcast: (service, options) => service.broadcast('TEST_TICKED', undefined, options),
};

describe.each(KINDS)('%s', (_, channels) => {
  const start = () => startFake({ history: { channels: [...channels] } });

  test.each(Object.entries(RELAYS))(
    'a second %s with the same key reaches nobody again, and has the id of the first',
    async (_name, relay) => {
      const { fake, service } = await start();
      const ada = await fake.connect('ada');
      const first = await relay(service, { idempotencyKey: 'order 7' });
      const second = await relay(service, { idempotencyKey: 'order 7' });
      const other = await relay(service, { idempotencyKey: 'order 8' });
      expect(second).toEqual(first);
      expect(other.id).not.toBe(first.id);
      expect(ada.received.map(({ event }) => event)).toEqual(['TEST_TICKED', 'TEST_TICKED']);
    },
  );

  test('calls that do not wait for each other are one relay', async () => {
    const { fake, service } = await start();
    const ada = await fake.connect('ada');
    await Promise.all(
      Array.from({ length: 5 }, () =>
        service.relayToMember('ada', 'TEST_TICKED', undefined, { idempotencyKey: 'k' }),
      ),
    );
    expect(ada.received).toHaveLength(1);
  });

  test('the same key goes to another recipient', async () => {
    const { fake, service } = await start();
    const [ada, bob] = [await fake.connect('ada'), await fake.connect('bob')];
    await service.relayToMember('ada', 'TEST_TICKED', undefined, { idempotencyKey: 'k' });
    await service.relayToMembers(['ada', 'bob'], 'TEST_TICKED', undefined, { idempotencyKey: 'k' });
    expect([ada.received.length, bob.received.length]).toEqual([1, 1]);
  });

  test('the key is forgotten when its window is over', async () => {
    const { fake, service } = await start();
    const ada = await fake.connect('ada');
    await service.relayToMember('ada', 'TEST_TICKED', undefined, { idempotencyKey: 'k' });
    fake.advance(120_000);
    await service.relayToMember('ada', 'TEST_TICKED', undefined, { idempotencyKey: 'k' });
    expect(ada.received).toHaveLength(2);
  });

  test('a relay that was lost may be made again with its key', async () => {
    const { fake, service } = await start();
    const ada = await fake.connect('ada');
    fake.faults.failNext();
    await expect(
      service.relayToMember('ada', 'TEST_TICKED', undefined, { idempotencyKey: 'k' }),
    ).rejects.toThrow();
    await service.relayToMember('ada', 'TEST_TICKED', undefined, { idempotencyKey: 'k' });
    expect(ada.received).toHaveLength(1);
  });

  test('a delayed relay is made once, and keeps its place before later calls', async () => {
    const { fake, service } = await start();
    const ada = await fake.connect('ada');
    const options = { idempotencyKey: 'k', delayMs: 1_000 };
    await service.relayToMember('ada', 'TEST_TICKED', undefined, options);
    await service.relayToMember('ada', 'TEST_TICKED', undefined, options);
    fake.advance(1_000);
    await fake.settled();
    expect(ada.received).toHaveLength(1);
  });

  test('a call with a key keeps the order of the calls', async () => {
    const { fake, service } = await start();
    const ada = await fake.connect('ada');
    await Promise.all([
      service.relayToMember('ada', 'TEST_TICKED', undefined, { idempotencyKey: 'k' }),
      service.relayToMember('ada', 'TEST_MAYBE', undefined),
    ]);
    expect(ada.received.map(({ event }) => event)).toEqual(['TEST_TICKED', 'TEST_MAYBE']);
  });
});

test.each([
  ['', '""'],
  ['x'.repeat(256), undefined],
  [7, '7'],
  [null, 'null'],
  [{}, undefined],
])('the key %p is refused with a sentence', async (key, shown) => {
  const { service } = await startFake();
  const options = { idempotencyKey: key as string };
  const call = service.relayToMember('ada', 'TEST_TICKED', undefined, options);
  await expect(call).rejects.toThrow(SocketUsageError);
  await expect(call).rejects.toThrow(
    new RegExp(`Invalid idempotencyKey ${shown ?? '.+'}: it must be a text of 1 to 255 characters`),
  );
});

describe.each(KINDS)('on two nodes over Redis, %s', (_, channels) => {
  test('a key counts on all of them', async () => {
    const { url } = await startRedis();
    const options = {
      provider: 'ws',
      cluster: 'redis',
      redis: { url },
      history: { channels: [...channels] },
    } as const;
    const hosts = [await startHost({ env: {}, ...options }), await startHost({ env: {}, ...options })];
    const ada = await openBrowser(hosts[0]?.url ?? '', 'ada');
    onTeardown(() => {
      ada.leave();
    });
    const services = [...hosts, ...hosts].map(({ app }) => app.get(SocketService));
    for (const service of services)
      await service.relayToMember('ada', 'TEST_TICKED', undefined, { idempotencyKey: 'k' });
    await services[1]?.relayToMember('ada', 'TEST_MAYBE', undefined);
    expect([(await ada.next()).event, (await ada.next()).event]).toEqual(['TEST_TICKED', 'TEST_MAYBE']);
  });
});

test('on hosted Pusher with history, a second relay with the same key is not posted again', async () => {
  const app = { id: 'app-1', key: 'key-1', secret: 'secret-1' };
  const pusher = await startHost({ env: {}, app, provider: 'ws', httpApi: { enabled: true } });
  const { port } = new URL(pusher.url);
  const backend = await startHost({
    env: {},
    app,
    provider: 'pusher',
    pusher: { host: '127.0.0.1', port: Number(port), scheme: 'http' },
    history: { channels: ['members'] },
  });
  const ada = await openBrowser(pusher.url, 'ada');
  onTeardown(() => {
    ada.leave();
  });
  const service = backend.app.get(SocketService);
  for (const key of ['k', 'k', 'l'])
    await service.relayToMember('ada', 'TEST_MAYBE', { n: key.length }, { idempotencyKey: key });
  await service.relayToMember('ada', 'TEST_LIST', []);
  const heard = [];
  for (let n = 0; n < 3; n++) heard.push((await ada.next()).event);
  expect(heard).toEqual(['TEST_MAYBE', 'TEST_MAYBE', 'TEST_LIST']);
});
