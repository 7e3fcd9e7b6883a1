import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { ChaosProxy } from './chaos-proxy.js';
import { eventually } from './cluster/waiting.js';
import { onTeardown } from './teardown.js';

const SOON_MS = 10_000;

/** One end of a connection, with what it has heard. */
class End {
  heard = '';
  /** In how many pieces that came. */
  pieces = 0;
  hasEnded = false;
  /** Whether it was told that the connection broke. */
  isBroken = false;

  constructor(readonly socket: Socket) {
    onTeardown(() => socket.destroy());
    socket.on('data', (data) => {
      this.heard += data.toString();
      this.pieces++;
    });
    socket.on('end', () => (this.hasEnded = true));
    socket.on('error', () => (this.isBroken = true));
  }

  /** Waits until it has heard so much. */
  hears(text: string): Promise<void> {
    return eventually(SOON_MS, () => {
      expect(this.heard).toBe(text);
    });
  }
}

/** A server behind the proxy, and a client in front of it. */
async function start() {
  const servers: End[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => servers.push(new End(socket)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTeardown(() => {
    server.close();
  });
  const proxy = await ChaosProxy.before((server.address() as AddressInfo).port);
  const dial = () => new End(connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true }));
  /** Connects, and waits until that has arrived. */
  const joined = async () => {
    const before = servers.length;
    const client = dial();
    client.socket.write('hello');
    await eventually(SOON_MS, () => {
      expect(servers[before]?.heard).toBe('hello');
    });
    const far = servers[before];
    if (far === undefined) throw new Error('Nobody came');
    return { client, far };
  };
  return { proxy, dial, joined, servers };
}

describe('The proxy', () => {
  test('passes on bytes and ends, either way', async () => {
    const { joined, proxy } = await start();
    const { client, far } = await joined();
    far.socket.write('welcome');
    await client.hears('welcome');
    client.socket.end(' and bye');
    await far.hears('hello and bye');
    far.socket.end(' bye');
    await client.hears('welcome bye');
    await eventually(SOON_MS, () => {
      expect([client.hasEnded, far.hasEnded, proxy.connections]).toEqual([true, true, 0]);
    });
  });

  test('delays without changing the order, and cuts into pieces', async () => {
    const { joined, proxy } = await start();
    const { client, far } = await joined();
    const began = performance.now();
    proxy.delay(50, 50);
    for (let n = 0; n < 10; n++) client.socket.write(String(n));
    await far.hears('hello0123456789');
    expect(performance.now() - began).toBeGreaterThan(45);
    proxy.delay(0);
    proxy.trickle(1, 1, 'down');
    far.socket.write('piece by piece');
    await client.hears('piece by piece');
    expect(client.pieces).toBeGreaterThan(3);
  });

  test('keeps what falls into a black hole, connections and their ends too, and gives it back', async () => {
    const { dial, joined, proxy, servers } = await start();
    const { client, far } = await joined();
    proxy.swallow();
    client.socket.write(' again');
    client.socket.end();
    const late = dial();
    await once(late.socket, 'connect');
    late.socket.write('late');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([far.heard, far.hasEnded, servers.length, late.heard]).toEqual(['hello', false, 1, '']);
    proxy.release();
    await far.hears('hello again');
    await eventually(SOON_MS, () => {
      expect(far.hasEnded).toBe(true);
      expect(servers[1]?.heard).toBe('late');
    });
  });

  test('forgets connections: neither end hears of the other, nor of its end, and new ones are fine', async () => {
    const { joined, proxy } = await start();
    const { client, far } = await joined();
    proxy.forget();
    far.socket.write('lost');
    client.socket.resetAndDestroy();
    const { far: newcomer } = await joined();
    expect([client.heard, far.heard, far.hasEnded, far.isBroken]).toEqual(['', 'hello', false, false]);
    expect(newcomer.heard).toBe('hello');
  });

  test.each(['up', 'down'] as const)('tears what goes %s after so many bytes', async (way) => {
    const { joined, proxy } = await start();
    const { client, far } = await joined();
    const [from, to] = way === 'up' ? [client, far] : [far, client];
    const before = to.heard;
    proxy.tearAfter(4, way);
    from.socket.write('torn apart');
    await eventually(SOON_MS, () => {
      expect([client.isBroken, far.isBroken]).toEqual([true, true]);
    });
    expect(to.heard).toBe(`${before}torn`);
    expect([proxy.torn, proxy.connections]).toEqual([1, 0]);
  });

  test('refuses new connections, and cuts those that are open', async () => {
    const { dial, joined, proxy } = await start();
    const { client, far } = await joined();
    proxy.refuse();
    const refused = dial();
    await eventually(SOON_MS, () => {
      expect(refused.isBroken).toBe(true);
    });
    expect(client.isBroken).toBe(false);
    proxy.cut();
    await eventually(SOON_MS, () => {
      expect([client.isBroken, far.isBroken]).toEqual([true, true]);
    });
    proxy.refuse(false);
    await joined();
  });
});
