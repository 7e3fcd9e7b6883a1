import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { type ClientConfig, SocketService } from 'nestjs-switchboard';
import { connect } from 'nestjs-switchboard/browser';
import type { Page } from 'playwright-core';
import { ADA } from '../../../support/auth-requests.js';
import { type Certificate, certificate } from '../../../support/certificate.js';
import { BROWSER_TEST_MS, useChromium } from '../../../support/chromium.js';
import { EventQueue } from '../../../support/event-queue.js';
import { FRAMEWORKS, type HostParts, logged } from '../../../support/hosts.js';
import { getJson } from '../../../support/http-get.js';
import { nginxPort, startNginx } from '../../../support/nginx.js';
import { Pusher } from '../../../support/pusher-browser.js';
import { onTeardown } from '../../../support/teardown.js';
import { createShop, heardBy, HELLO, openPage } from './shop.js';

// The ways to let an application listen. Each is heard through by a real pusher-js.

const newContext = useChromium();
const serverOf = (app: INestApplication) => app.getHttpServer() as Server;
const portOf = (app: INestApplication) => (serverOf(app).address() as AddressInfo).port;

/** The path of a Unix socket in a folder that everybody may look into. */
function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'switchboard-unix-'));
  chmodSync(folder, 0o755);
  onTeardown(() => {
    rmSync(folder, { recursive: true });
  });
  return join(folder, 'app.sock');
}

/** Connects to an application, and hears an event of it. */
async function heardAt(url: string, app: INestApplication): Promise<unknown> {
  const socket = await connect(Pusher, { url, headers: ADA });
  onTeardown(() => {
    socket.disconnect();
  });
  const heard = new EventQueue<object>();
  socket.onMember('MEMBER_MESSAGED', (payload) => {
    heard.push(payload);
  });
  await app.get(SocketService).relayToMember('ada', 'MEMBER_MESSAGED', HELLO);
  return heard.next();
}

describe.each(Object.entries(FRAMEWORKS))('over %s', (_, httpAdapter) => {
  test('an application on a Unix socket is reached through the proxy in front of it', async () => {
    const { lines } = logged('log');
    const path = socketPath();
    const app = await createShop({}, { httpAdapter });
    await app.listen(path);
    // The proxy is another user.
    chmodSync(path, 0o666);
    expect(lines.join('\n')).toContain(`gateway ws+unix:${path}:/app/the-key`);
    const port = nginxPort();
    await startNginx(
      port,
      `unix:${path}`,
      `location / {
        proxy_pass http://app;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
      }`,
    );
    expect(await heardAt(`http://127.0.0.1:${port}`, app)).toEqual(HELLO);
  });

  test('a request on a Unix socket whose Host is only a name gets an answer', async () => {
    const path = socketPath();
    const app = await createShop({}, { httpAdapter });
    await app.listen(path);
    const { status, body } = await getJson<ClientConfig<{ wsHost: string }>>('/socket/config', {
      socketPath: path,
      headers: { Host: 'localhost' },
    });
    expect([status, body.options.wsHost]).toEqual([200, 'localhost']);
  });

  test('an application that listens on IPv6 only is reached at its address', async () => {
    const { lines } = logged('log');
    const app = await createShop({}, { httpAdapter });
    await app.listen(0, '::1');
    const address = `[::1]:${portOf(app)}`;
    expect(lines.join('\n')).toContain(`gateway ws://${address}/app/the-key`);
    expect(await heardAt(`http://${address}`, app)).toEqual(HELLO);
  });
});

const TLS: readonly [string, (https: Certificate) => HostParts, string][] = [
  ['HTTPS options of Express', (httpsOptions) => ({ settings: { httpsOptions } }), 'http/1.1'],
  [
    'HTTPS options of Fastify',
    (https) => ({ httpAdapter: () => new FastifyAdapter({ https }) as AbstractHttpAdapter }),
    'http/1.1',
  ],
  [
    'HTTP/2 of Fastify, with HTTP/1 for upgrades',
    (https) => ({
      httpAdapter: () =>
        new FastifyAdapter({
          http2: true,
          https: { ...https, allowHTTP1: true },
          // Without it Fastify waits for the browsers' HTTP/2 sessions, on Node before 24.
          forceCloseConnections: true,
        }) as AbstractHttpAdapter,
    }),
    'h2',
  ],
];

describe.each(TLS)('with %s', (_, partsOf, protocol) => {
  const open = async (): Promise<{ app: INestApplication; page: Page }> => {
    const app = await createShop({}, partsOf(await certificate()));
    await app.listen(0, '127.0.0.1');
    const context = await newContext({ ignoreHTTPSErrors: true });
    return { app, page: await openPage(context, `https://127.0.0.1:${portOf(app)}/`) };
  };

  test(
    `a page signs in over ${protocol}, and hears an event over wss`,
    async () => {
      const { lines } = logged('log');
      const { app, page } = await open();
      expect(lines.join('\n')).toContain(`gateway wss://127.0.0.1:${portOf(app)}/app/the-key`);
      expect(await heardBy(page, app)).toEqual(HELLO);
      const used = `performance.getEntriesByType('resource')
        .filter(({ name }) => name.includes('/socket/'))
        .map(({ nextHopProtocol }) => nextHopProtocol)`;
      expect(await page.evaluate(used)).toEqual([protocol, protocol]);
    },
    BROWSER_TEST_MS,
  );

  test(
    'the application closes while a page is connected',
    async () => {
      const { app, page } = await open();
      await heardBy(page, app);
      await app.close();
      expect(serverOf(app).listening).toBe(false);
    },
    BROWSER_TEST_MS,
  );
});

describe('HTTP/2 without HTTP/1', () => {
  const warnings = async (httpAdapter: () => FastifyAdapter): Promise<string> => {
    const { lines } = logged('warn');
    const app = await createShop({}, { httpAdapter: httpAdapter as () => AbstractHttpAdapter });
    await app.init();
    return lines.join('\n');
  };

  test.each([
    ['with TLS', async () => ({ http2: true, https: await certificate() }) as const],
    ['without TLS', () => Promise.resolve({ http2: true } as const)],
  ])('cannot be upgraded, and a warning at the start names the option: %s', async (_, optionsOf) => {
    const options = await optionsOf();
    expect(await warnings(() => new FastifyAdapter(options as object))).toContain('allowHTTP1');
  });

  test('is what the warning is about, and HTTP/2 beside HTTP/1 is not', async () => {
    const https = { ...(await certificate()), allowHTTP1: true };
    expect(await warnings(() => new FastifyAdapter({ http2: true, https } as object))).not.toContain(
      'HTTP/2',
    );
  });
});
