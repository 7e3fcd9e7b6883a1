import { createServer } from 'node:http';
import { wsAdapter } from '../../../src/adapters/ws/ws.adapter.js';
import { socketConfig } from '../../../src/config/socket-config.js';
import type { ISocketClient } from '../../../src/ports/socket-client.js';
import { startProvider } from '../../../src/runtime/provider.js';
import { NO_CALLERS } from '../../support/callers.js';
import { portOf } from '../../support/host.js';
import { RawClient } from '../../support/raw-client.js';
import { onTeardown } from '../../support/teardown.js';
import { hasItsOwnEmit } from '../../support/upgrades.js';

describe('Two gateways on one server', () => {
  test('serve each its own key, and one goes on when the other has closed', async () => {
    const { port, server, attach } = await plainServer();
    const [one, two] = [await attach('key-one'), await attach('key-two')];
    const open = (key: string) => RawClient.open(`ws://127.0.0.1:${port}/app/${key}?protocol=7`);
    const [first, second] = [open('key-one'), open('key-two')];
    await Promise.all([first.greeted(), second.greeted()]);
    for (const [client, name] of [
      [first, 'one'],
      [second, 'two'],
    ] as const) {
      client.say('pusher:subscribe', { channel: 'orders' });
      expect(await client.next()).toMatchObject({ event: 'pusher_internal:subscription_succeeded' });
      await (name === 'one' ? one : two).relayToChannel('orders', 'created', name);
    }
    expect(await first.next()).toMatchObject({ data: '"one"' });
    expect(await second.next()).toMatchObject({ data: '"two"' });
    await one.close();
    expect(await first.closed).toMatchObject({ code: 4100 });
    await second.isAnswered();
    await open('key-two').greeted();
    expect(await open('key-one').next()).toMatchObject({ event: 'pusher:error' });
    await two.close();
    expect(server.listeners('upgrade')).toEqual([]);
    expect(hasItsOwnEmit(server)).toBe(true);
  });

  test('answer a key of neither with 4001', async () => {
    const { port, attach } = await plainServer();
    await attach('key-one');
    await attach('key-two');
    const stranger = RawClient.open(`ws://127.0.0.1:${port}/app/nobody?protocol=7`);
    expect(await stranger.closed).toMatchObject({ code: 4001 });
  });

  test('may have paths of their own', async () => {
    const { port, attach } = await plainServer();
    await attach('key-one', '/one');
    await attach('key-one', '/two/deep');
    for (const path of ['/one', '/two/deep']) {
      await RawClient.open(`ws://127.0.0.1:${port}${path}/app/key-one?protocol=7`).greeted();
    }
    const nowhere = RawClient.open(`ws://127.0.0.1:${port}/app/key-one?protocol=7`);
    expect(await nowhere.closed).toMatchObject({ code: 4005 });
  });

  test('can be closed twice without harm to the one that came after', async () => {
    const { port, server, attach } = await plainServer();
    const one = await attach('key-one');
    await one.close();
    const two = await attach('key-two');
    await one.close();
    await RawClient.open(`ws://127.0.0.1:${port}/app/key-two?protocol=7`).greeted();
    const three = await attach('key-three');
    await RawClient.open(`ws://127.0.0.1:${port}/app/key-three?protocol=7`).greeted();
    await Promise.all([two.close(), three.close()]);
    expect(server.listeners('upgrade')).toEqual([]);
    expect(hasItsOwnEmit(server)).toBe(true);
  });
});

/** A server without Nest, and a way to put gateways on it. */
async function plainServer() {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTeardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const logger = { log: () => undefined, warn: () => undefined, error: () => undefined };
  const attach = async (key: string, path = ''): Promise<ISocketClient> => {
    const config = socketConfig(
      {},
      { provider: 'ws', app: { id: key, key, secret: `secret of ${key}` } },
      { gatewayPath: path },
    );
    const { client, attachment } = await startProvider(wsAdapter, config, logger);
    await attachment?.attach(server, '/socket', NO_CALLERS);
    onTeardown(() => client.close());
    return client;
  };
  return { server, port: portOf(server), attach };
}
