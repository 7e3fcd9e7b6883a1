import { jest } from '@jest/globals';
import { SocketService } from 'nestjs-switchboard';
import { PusherHttpApi } from '../../../../src/adapters/pusher/http/pusher-http-api.js';
import { eventually } from '../../../support/cluster/waiting.js';
import { startSocketApp } from '../../../support/socket-app.js';
import { APP, HttpApi, onTeardown } from '../support.js';

/** An application on the provider `pusher`, whose server fails as often as it is told to. */
async function start(retryDeadlineMs = 60_000) {
  const failures = { left: 0 };
  const api = await HttpApi.start(() => (failures.left-- > 0 ? { status: 500 } : undefined));
  const app = await startSocketApp({
    provider: 'pusher',
    app: APP,
    pusher: { host: '127.0.0.1', port: api.port, scheme: 'http' },
    delivery: { retryDeadlineMs },
  });
  onTeardown(() => app.close());
  const keys = () =>
    api.bodies.flatMap((body) => {
      const batch = body['batch'] as Readonly<Record<string, unknown>>[] | undefined;
      return (batch ?? [body]).map((event) => event['idempotency_key']);
    });
  return { service: app.app.get(SocketService), failures, keys };
}

describe('The keys that the pusher adapter sends to a gateway', () => {
  test('are those of the relays, and the same when one is sent again', async () => {
    const { service, failures, keys } = await start();
    failures.left = 2;
    const { id } = await service.relayToMember('7', 'SIMPLE' as never, 1 as never);
    await eventually(20_000, () => {
      expect(keys()).toEqual([`id ${id}`, `id ${id}`, `id ${id}`]);
    });
    const other = await service.relayToMember('8', 'OTHER' as never, 1 as never);
    expect(keys()[3]).toBe(`id ${other.id}`);
  });

  test('are one for each channel where several relays have become one event', async () => {
    const { service, keys } = await start();
    const ids = Array.from({ length: 12 }, (_, index) => `member-${index}`);
    const receipts = await Promise.all(
      ids.map((id) => service.relayToMember(id, 'SAME' as never, 1 as never)),
    );
    expect(keys()).toEqual([receipts.map(({ id }) => `id ${id}`)]);
  });

  test('are not sent where nothing is sent again', async () => {
    const { service, keys } = await start(0);
    await service.relayToMember('7', 'SIMPLE' as never, 1 as never);
    expect(keys()).toEqual([undefined]);
  });

  test.each([
    ['by its cluster', { cluster: 'eu' }],
    ['by its host', { host: 'api-eu.pusher.com' }],
  ])('are not sent to hosted Pusher, %s', async (_, where) => {
    const publish = jest.spyOn(PusherHttpApi.prototype, 'publish').mockResolvedValue();
    onTeardown(() => {
      publish.mockRestore();
    });
    const app = await startSocketApp({ provider: 'pusher', app: APP, pusher: where });
    onTeardown(() => app.close());
    await app.app.get(SocketService).relayToMember('7', 'SIMPLE' as never, 1 as never);
    expect(publish.mock.calls.map(([, { key }]) => key)).toEqual([undefined]);
  });
});
