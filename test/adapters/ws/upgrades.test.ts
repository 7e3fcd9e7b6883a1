import { EventEmitter, once } from 'node:events';
import { type IncomingMessage, request, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { INestApplication } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { WebSocketServer } from 'ws';
import { Host } from '../../support/host.js';
import type { RawClient } from '../../support/raw-client.js';
import { SENT_AWAY } from '../../support/topology.js';
import { hasItsOwnEmit } from '../../support/upgrades.js';

/** The host application's own gateway, as Nest's documentation has it. */
@WebSocketGateway({ path: '/chat' })
class ChatGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): { event: string; data: unknown } {
    return { event: 'echoed', data };
  }
}

/** The host application's own `upgrade` listener for /other; everything else it leaves alone. */
function listenOnOther(server: Server): (incoming: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const sockets = new WebSocketServer({ noServer: true });
  const listener = (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (incoming.url !== '/other') return;
    sockets.handleUpgrade(incoming, socket, head, (client) => {
      client.on('message', () => {
        client.send('{"event":"from the host itself"}');
      });
    });
  };
  server.on('upgrade', listener);
  return listener;
}

const withChat = () =>
  Host.start({
    providers: [ChatGateway],
    prepare: (app) => {
      app.useWebSocketAdapter(new WsAdapter(app));
    },
  });

async function opened(client: RawClient): Promise<RawClient> {
  await once(client.socket, 'open');
  return client;
}

async function chatWorks(host: Host): Promise<void> {
  const chat = await opened(host.raw('/chat'));
  chat.say('echo', { text: 'hello' });
  expect(await chat.next()).toEqual({ event: 'echoed', data: { text: 'hello' } });
}

async function otherWorks(host: Host): Promise<void> {
  const other = await opened(host.raw('/other'));
  other.socket.send('x');
  expect(await other.next()).toEqual({ event: 'from the host itself' });
}

/** platform-ws destroys every upgrade it does not know; this one is only shown what its host shows it. */
class FencedWsAdapter extends WsAdapter {
  constructor(
    app: INestApplication,
    private readonly upgrades: EventEmitter,
  ) {
    super(app);
  }

  protected override ensureHttpServerExists(port: number): Server | undefined {
    // It does nothing with a server but listen to its upgrades.
    return super.ensureHttpServerExists(port, this.upgrades as Server);
  }
}

describe('Beside the gateway (3.17)', () => {
  test('a host’s own upgrade listener keeps working, while a client is connected', async () => {
    const host = await Host.start();
    listenOnOther(host.server);
    const gateway = host.raw();
    await gateway.greeted();
    await otherWorks(host);
    await gateway.isAnswered();
  });

  test('a host’s own upgrade listener that was there first keeps working', async () => {
    const host = await Host.start({
      prepare: (app) => {
        listenOnOther(app.getHttpServer() as Server);
      },
    });
    await host.raw().greeted();
    await otherWorks(host);
  });

  test('a host’s own @WebSocketGateway on @nestjs/platform-ws keeps working', async () => {
    const host = await withChat();
    const gateway = host.raw();
    await gateway.greeted();
    await chatWorks(host);
    await gateway.isAnswered();
  });

  test('a host that shares its upgrades between the two by itself keeps working', async () => {
    const upgrades = new EventEmitter();
    const host = await Host.start({
      providers: [ChatGateway],
      prepare: (app) => {
        app.useWebSocketAdapter(new FencedWsAdapter(app, upgrades));
        const server = app.getHttpServer() as Server;
        server.on('upgrade', (incoming: IncomingMessage, ...rest: unknown[]) => {
          if (incoming.url !== '/other') upgrades.emit('upgrade', incoming, ...rest);
        });
        listenOnOther(server);
      },
    });
    const gateway = host.raw();
    await gateway.greeted();
    await Promise.all([chatWorks(host), otherWorks(host)]);
    await gateway.isAnswered();
    expect(await host.raw('/nowhere').refusal()).toBe('destroyed');
  });

  test('a host’s own upgrade listener may take its time', async () => {
    const host = await Host.start();
    const sockets = new WebSocketServer({ noServer: true });
    host.server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
      // Another request comes and goes before this one is answered.
      void fetch(`${host.url}/socket/config`).then(async (response) => {
        await response.text();
        sockets.handleUpgrade(incoming, socket, head, (client) => {
          client.send('{"event":"late"}');
        });
      });
    });
    expect(await host.raw('/late').next()).toEqual({ event: 'late' });
  });

  test('the gateway’s upgrades are seen by nobody else', async () => {
    const host = await Host.start();
    const seen: (string | undefined)[] = [];
    host.server.on('upgrade', (incoming: IncomingMessage, socket: Duplex) => {
      seen.push(incoming.url);
      socket.destroy();
    });
    await host.raw().greeted();
    expect(await host.raw('/nowhere').refusal()).toBe('destroyed');
    expect(seen).toEqual(['/nowhere']);
  });

  test.each(['/', '/nowhere', '/application', '/app-key', '/APP/switchboard-key', '/x/app/switchboard-key'])(
    'an upgrade to %s, which nobody else wants, is answered with 4005, which stops the client',
    async (path) => {
      const host = await Host.start();
      expect(await host.raw(path).closed).toMatchObject({ code: 4005 });
      await host.raw().greeted();
    },
  );

  test('an upgrade that nobody wants is destroyed by platform-ws where that is there', async () => {
    const host = await withChat();
    expect([404, 'destroyed']).toContain(await host.raw('/nowhere').refusal());
    await chatWorks(host);
  });

  test('a request that offers to upgrade to HTTP/2 is answered as if it did not', async () => {
    const host = await Host.start();
    const response = await fetchOffering(`${host.url}/socket/config`, 'h2c');
    expect(response).toBe(200);
  });

  test('a request with a body that offers to upgrade to HTTP/2 is not served without its body', async () => {
    const host = await Host.start();
    const status = await fetchOffering(`${host.url}/socket/user-auth`, 'h2c', 'socket_id=1.1');
    expect(status).toBe(200);
  });

  test('an upgrade to the gateway that is no WebSocket is refused and not left hanging', async () => {
    const host = await Host.start();
    expect(await fetchOffering(`${host.url}/app/${host.app.key}?protocol=7`, 'h2c')).toBeGreaterThanOrEqual(
      400,
    );
    await host.raw().greeted();
  });
});

describe('When the application closes (3.17)', () => {
  test('no upgrade listener of the gateway remains, and the server’s emit is the original', async () => {
    const host = await Host.start();
    const before = host.server.listeners('upgrade');
    expect(before).toHaveLength(1);
    await host.close();
    expect(host.server.listeners('upgrade')).toEqual([]);
    expect(hasItsOwnEmit(host.server)).toBe(true);
  });

  test('the host’s own upgrade listener stays', async () => {
    const host = await Host.start();
    const listener = listenOnOther(host.server);
    await host.close();
    expect(host.server.listeners('upgrade')).toEqual([listener]);
  });

  test('a wrapper that somebody else put around emit afterwards stays, and still works', async () => {
    const host = await Host.start();
    const { server } = host;
    const inner = server.emit.bind(server) as (event: string, ...args: unknown[]) => boolean;
    const seen: string[] = [];
    const wrapped = (event: string, ...args: unknown[]): boolean => {
      seen.push(event);
      return inner(event, ...args);
    };
    server.emit = wrapped as Server['emit'];
    await host.close();
    expect(Reflect.get(server, 'emit')).toBe(wrapped);
    server.once('hello', () => seen.push('heard'));
    server.emit('hello');
    expect(seen.slice(-2)).toEqual(['hello', 'heard']);
  });

  test('another application can start, and close, after it', async () => {
    for (let round = 0; round < 2; round++) {
      const host = await Host.start();
      const client = host.raw();
      await client.greeted();
      await host.close();
      expect(SENT_AWAY).toContain((await client.closed).code);
      expect(hasItsOwnEmit(host.server)).toBe(true);
    }
  });
});

/** The status that an ordinary request is answered with when it also offers to change the protocol. */
function fetchOffering(url: string, upgrade: string, form?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const offer = request(url, {
      method: form === undefined ? 'GET' : 'POST',
      headers: {
        connection: 'Upgrade, HTTP2-Settings',
        upgrade,
        'http2-settings': '',
        ...(form !== undefined && {
          'x-member': 'ann',
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': form.length,
        }),
      },
    });
    offer.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    offer.on('error', reject);
    offer.end(form);
  });
}
