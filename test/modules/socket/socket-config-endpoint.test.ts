import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { ClientConfig, SocketModuleOptions } from 'nestjs-switchboard';
import type { PusherAuthOptions } from '../../../src/ports/client-config.js';
import { FRAMEWORKS, startHost } from '../../support/hosts.js';
import { Pusher } from '../../support/pusher-browser.js';
import { onTeardown } from '../../support/teardown.js';

const SECRET = 'the-secret-nobody-may-see';
const app = { id: '7', key: 'the-key', secret: SECRET };

const PROVIDERS: Readonly<Record<string, SocketModuleOptions>> = {
  ws: { provider: 'ws', app },
  'pusher with a cluster': { provider: 'pusher', app, pusher: { cluster: 'eu' } },
  'pusher with a host': {
    provider: 'pusher',
    app,
    pusher: { host: 'api.example.com', port: 8080, scheme: 'http', wsHost: 'ws.example.com', wsPort: 6001 },
  },
  memory: { provider: 'memory', app },
};

/** The options of `new Pusher(key, options)`. */
type Options = PusherAuthOptions & {
  readonly cluster: string;
  readonly enabledTransports: readonly ['ws', 'wss'];
};

async function read(url: string, headers: Record<string, string> = {}): Promise<ClientConfig<Options>> {
  const response = await fetch(url, { headers });
  expect(response.status).toBe(200);
  return (await response.json()) as ClientConfig<Options>;
}

/** Builds the real `pusher-js` with a configuration, and says what it made of it; it never gets to connect. */
function understoodByPusher({ key, options }: ClientConfig<Options>) {
  const pusher = new Pusher(key, { ...options, enabledTransports: [...options.enabledTransports] });
  pusher.disconnect();
  const { wsHost, wsPort, wssPort, wsPath, useTLS } = pusher.config;
  return { key: pusher.key, wsHost, wsPort, wssPort, wsPath, useTLS };
}

describe.each(Object.keys(FRAMEWORKS) as (keyof typeof FRAMEWORKS)[])(
  'GET /socket/config over %s',
  (name) => {
    const httpAdapter = FRAMEWORKS[name];

    test.each(Object.entries(PROVIDERS))(
      'says for %s where to ask and what to connect with',
      async (_, options) => {
        const { url } = await startHost(options, { httpAdapter });
        const response = await fetch(`${url}/socket/config`);
        const text = await response.text();
        expect(response.status).toBe(200);
        expect(response.headers.get('content-type')).toContain('application/json');
        expect(response.headers.get('cache-control')).toBe('no-store');
        expect(text).not.toContain(SECRET);
        expect(JSON.parse(text)).toMatchObject({
          provider: options.provider,
          key: 'the-key',
          broadcastChannel: 'broadcast',
          options: {
            cluster: expect.stringMatching(/./) as string,
            enabledTransports: ['ws', 'wss'],
            channelAuthorization: { endpoint: '/socket/auth', transport: 'ajax' },
            userAuthentication: { endpoint: '/socket/user-auth', transport: 'ajax' },
          },
        });
      },
    );

    test('leads pusher-js on ws to the very address that was asked', async () => {
      const { url } = await startHost({ provider: 'ws', app }, { httpAdapter });
      const port = Number(new URL(url).port);
      expect(understoodByPusher(await read(`${url}/socket/config`))).toMatchObject({
        key: 'the-key',
        wsHost: '127.0.0.1',
        wsPort: port,
        wssPort: port,
        wsPath: '',
        useTLS: false,
      });
    });

    test('has the gateway’s own path', async () => {
      const { url } = await startHost({ provider: 'ws', gatewayPath: '/live' }, { httpAdapter });
      expect(understoodByPusher(await read(`${url}/socket/config`)).wsPath).toBe('/live');
    });

    test('leads pusher-js to the hosted cluster, always encrypted', async () => {
      const options = { provider: 'pusher', app, pusher: { cluster: 'eu' } } as const;
      const { url } = await startHost(options, { httpAdapter });
      expect(understoodByPusher(await read(`${url}/socket/config`))).toMatchObject({
        wsHost: 'ws-eu.pusher.com',
        wssPort: 443,
        useTLS: true,
      });
    });

    test.each([
      ['its WebSocket end', { wsHost: 'ws.example.com', wsPort: 6001 }, 'ws.example.com', 6001],
      ['where its HTTP API is, when it has no other', {}, 'api.example.com', 8080],
    ])('leads pusher-js to a compatible server: %s', async (_, ends, wsHost, port) => {
      const pusher = { host: 'api.example.com', port: 8080, scheme: 'http', ...ends } as const;
      const { url } = await startHost({ provider: 'pusher', app, pusher }, { httpAdapter });
      expect(understoodByPusher(await read(`${url}/socket/config`))).toMatchObject({
        wsHost,
        wsPort: port,
        useTLS: false,
      });
    });

    test('names the broadcast channel that is configured', async () => {
      const { url } = await startHost({ broadcastChannel: 'private-all' }, { httpAdapter });
      expect((await read(`${url}/socket/config`)).broadcastChannel).toBe('private-all');
    });

    test('stands where the option path says, and so do the other two', async () => {
      const { url } = await startHost({ path: 'realtime/v2' }, { httpAdapter });
      const { options } = await read(`${url}/realtime/v2/config?nocache=1`);
      expect(options.channelAuthorization.endpoint).toBe('/realtime/v2/auth');
      expect(options.userAuthentication.endpoint).toBe('/realtime/v2/user-auth');
      expect((await fetch(`${url}/socket/config`)).status).toBe(404);
    });

    test('stands below a global prefix, and says so', async () => {
      const { url } = await startHost(
        { path: 'live' },
        { httpAdapter, prepare: (host) => void host.setGlobalPrefix('api/v1') },
      );
      const { options } = await read(`${url}/api/v1/live/config`);
      for (const { endpoint } of [options.channelAuthorization, options.userAuthentication]) {
        const answer = await fetch(url + endpoint, {
          method: 'POST',
          body: new URLSearchParams({ socket_id: 'x' }),
        });
        expect(answer.status).toBe(400);
      }
      expect(options.channelAuthorization.endpoint).toBe('/api/v1/live/auth');
    });

    test('does not take a stranger’s word for the host', async () => {
      const { url } = await startHost({ provider: 'ws' }, { httpAdapter });
      const { options } = await read(`${url}/socket/config`, {
        'X-Forwarded-Host': 'evil.example.com',
        'X-Forwarded-Proto': 'https',
      });
      expect(options).toMatchObject({ wsHost: '127.0.0.1', forceTLS: false });
    });

    test('answers a Host header that is none without an error of its own', async () => {
      const { url } = await startHost({ provider: 'ws' }, { httpAdapter });
      const request = httpRequest(`${url}/socket/config`, { headers: { Host: 'not a host' } });
      onTeardown(() => request.destroy());
      const answered = once(request, 'response') as Promise<[{ statusCode: number }]>;
      request.end();
      expect((await answered)[0].statusCode).toBeLessThan(500);
    });
  },
);

describe('behind a proxy that ends TLS', () => {
  const FORWARDED = { 'X-Forwarded-Host': 'api.example.com', 'X-Forwarded-Proto': 'https' };
  const TRUSTING = {
    express: {
      httpAdapter: FRAMEWORKS.express,
      prepare: (host: unknown) => void (host as NestExpressApplication).set('trust proxy', true),
    },
    fastify: { httpAdapter: () => new FastifyAdapter({ trustProxy: true }) as AbstractHttpAdapter },
  };

  test.each(Object.entries(TRUSTING))(
    'that %s trusts, the browser is led to the proxy, over TLS',
    async (_, parts) => {
      const { url } = await startHost({ provider: 'ws' }, parts);
      expect(understoodByPusher(await read(`${url}/socket/config`, FORWARDED))).toMatchObject({
        wsHost: 'api.example.com',
        wssPort: 443,
        useTLS: true,
      });
    },
  );
});
