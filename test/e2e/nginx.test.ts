import type { AbstractHttpAdapter } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AuthorizeChannel, type ChannelAuthorizer, type ClientConfig } from 'nestjs-switchboard';
import { connect } from 'nestjs-switchboard/browser';
import { ADA } from '../support/auth-requests.js';
import { Host, type HostOptions } from '../support/host.js';
import { nginxPort, startNginx } from '../support/nginx.js';
import { Pusher, subscribed } from '../support/pusher-browser.js';
import { hearing } from '../support/pusher-events.js';
import { onTeardown } from '../support/teardown.js';

@AuthorizeChannel('private-orders.{owner}')
class OrdersChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

const UPGRADE = `
  proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_upgrade;`;

const FORWARDED = `
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Prefix /api;`;

/** The prefix is stripped, and the process is asked as `app`, the name of nginx's upstream. */
const stripping = (headers = '') => `location /api/ { proxy_pass http://app/; ${UPGRADE} ${headers} }`;

const TRUSTING: readonly [string, HostOptions][] = [
  ['Express', { prepare: (app) => void (app as NestExpressApplication).set('trust proxy', 'loopback') }],
  ['Fastify', { httpAdapter: () => new FastifyAdapter({ trustProxy: '127.0.0.1' }) as AbstractHttpAdapter }],
];

/** A member's real pusher-js behind nginx: signs in, subscribes to a private channel, and hears a relay. */
async function serves(host: Host, url: string): Promise<void> {
  const socket = await connect(Pusher, { url, headers: ADA });
  onTeardown(() => {
    socket.disconnect();
  });
  await subscribed(socket.channel('private-orders.ada'));
  const toAda = hearing(socket.pusher.user, 'created');
  await host.runtime.client.relayToMember('ada', 'created', { id: 7 });
  expect(await toAda.next()).toMatchObject({ data: { id: 7 } });
}

describe('behind an nginx that takes /api away', () => {
  test.each(TRUSTING)('a member is served by the headers that %s trusts', async (_, options) => {
    const port = nginxPort();
    const host = await Host.start({ providers: [OrdersChannel], ...options });
    await startNginx(port, `127.0.0.1:${host.port}`, stripping(FORWARDED));
    await serves(host, `http://127.0.0.1:${port}/api`);
  });

  test.each([
    ['Express', {}],
    ['Fastify', { httpAdapter: () => new FastifyAdapter() as AbstractHttpAdapter }],
    ['the gateway below /ws', { gatewayPath: '/ws' }],
    ['endpoints of another path', { path: 'realtime' }],
  ] as [string, HostOptions][])('a member is served by the public URL, with %s', async (_, options) => {
    const port = nginxPort();
    const publicUrl = `http://127.0.0.1:${port}/api/`;
    const host = await Host.start({ providers: [OrdersChannel], publicUrl, ...options });
    await startNginx(port, `127.0.0.1:${host.port}`, stripping());
    if (options.path === undefined) await serves(host, `http://127.0.0.1:${port}/api`);
    const path = options.path ?? 'socket';
    const answer = await fetch(`${publicUrl}${path}/config`);
    const { options: client } = (await answer.json()) as ClientConfig;
    expect(client).toMatchObject({
      wsHost: '127.0.0.1',
      wsPort: port,
      wsPath: `/api${options.gatewayPath ?? ''}`,
      userAuthentication: { endpoint: `/api/${path}/user-auth` },
    });
  });

  test('an application with a global prefix has both', async () => {
    const port = nginxPort();
    const host = await Host.start({
      publicUrl: `http://127.0.0.1:${port}/api`,
      prepare: (app) => void app.setGlobalPrefix('v1'),
    });
    await startNginx(port, `127.0.0.1:${host.port}`, stripping());
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/socket/config`);
    expect(((await answer.json()) as ClientConfig).options).toMatchObject({
      wsPath: '/api',
      userAuthentication: { endpoint: '/api/v1/socket/user-auth' },
    });
  });
});

test('behind an nginx that keeps the path and hides the host, a member is served by the public URL', async () => {
  const port = nginxPort();
  const publicUrl = `http://127.0.0.1:${port}`;
  const host = await Host.start({ providers: [OrdersChannel], publicUrl });
  await startNginx(port, `127.0.0.1:${host.port}`, `location / { proxy_pass http://app; ${UPGRADE} }`);
  await serves(host, publicUrl);
});
