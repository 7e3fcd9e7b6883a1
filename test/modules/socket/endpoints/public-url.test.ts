import type { AbstractHttpAdapter } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { type ClientConfig, SocketConfigurationError, type SocketModuleOptions } from 'nestjs-switchboard';
import type { PusherAuthOptions } from '../../../../src/ports/client-config.js';
import { FRAMEWORKS, type HostParts, rejection, startHost } from '../../../support/hosts.js';
import { getJson } from '../../../support/http-get.js';

type Options = PusherAuthOptions & {
  readonly wsHost: string;
  readonly wsPort?: number;
  readonly wsPath?: string;
  readonly forceTLS: boolean;
};

async function ask(options: SocketModuleOptions, parts: HostParts, headers: Record<string, string> = {}) {
  const { url } = await startHost({ provider: 'ws', ...options }, parts);
  const { hostname, port } = new URL(url);
  return getJson<ClientConfig<Options> & { readonly message?: string }>('/socket/config', {
    hostname,
    port,
    headers,
  });
}

const endpointsOf = ({ channelAuthorization, userAuthentication }: Options) =>
  [channelAuthorization, userAuthentication].map(({ endpoint }) => endpoint);

describe.each(Object.entries(FRAMEWORKS))('the public URL over %s', (_, httpAdapter) => {
  test.each([
    ['https://app.example.com', { wsHost: 'app.example.com', forceTLS: true }],
    ['https://app.example.com/', { wsHost: 'app.example.com', forceTLS: true }],
    ['http://app.example.com:8080/api/v1/', { wsHost: 'app.example.com', wsPort: 8080, wsPath: '/api/v1' }],
    ['https://[2001:db8::7]:8443/api', { wsHost: '[2001:db8::7]', wsPort: 8443, wsPath: '/api' }],
  ] as [string, Partial<Options>][])('%s wins over the host that is asked', async (publicUrl, expected) => {
    const headers = { Host: 'internal-alb-1.eu-west-1.elb.amazonaws.com' };
    const { body } = await ask({ env: { SOCKET_PUBLIC_URL: publicUrl } }, { httpAdapter }, headers);
    expect(body.options).toMatchObject(expected);
    expect(endpointsOf(body.options)).toEqual(
      ['auth', 'user-auth'].map((name) => `${expected.wsPath ?? ''}/socket/${name}`),
    );
  });

  test('leads pages of hosted Pusher to the endpoints', async () => {
    const pusher = { cluster: 'eu' };
    const app = { id: '7', key: 'the-key', secret: 'the-secret-nobody-may-see' };
    const publicUrl = 'https://app.example.com/api';
    const { body } = await ask({ provider: 'pusher', app, pusher, publicUrl }, { httpAdapter });
    expect(endpointsOf(body.options)).toEqual(['/api/socket/auth', '/api/socket/user-auth']);
    expect(body.options).not.toHaveProperty('wsHost');
  });

  test('needs no host that can be read', async () => {
    const { status } = await ask({ publicUrl: 'https://app.example.com' }, { httpAdapter }, { Host: '' });
    expect(status).toBe(200);
  });

  test.each([
    'app.example.com',
    'ftp://app.example.com',
    'wss://app.example.com',
    'https://ada:secret@app.example.com',
    'https://app.example.com/?token=secret',
    'https://app.example.com/#api',
    'https://',
  ])('%s is refused at the start', async (publicUrl) => {
    const error = await rejection(startHost({ provider: 'ws', publicUrl }, { httpAdapter }));
    expect(error).toBeInstanceOf(SocketConfigurationError);
    expect(String(error)).toMatch(/publicUrl: must be an http or https URL without/);
    expect(String(error)).not.toContain('secret');
  });
});

const TRUSTING: Readonly<Record<string, HostParts>> = {
  Express: { prepare: (app) => void (app as NestExpressApplication).set('trust proxy', 1) },
  Fastify: { httpAdapter: () => new FastifyAdapter({ trustProxy: true }) as AbstractHttpAdapter },
};

describe.each(Object.entries(TRUSTING))('X-Forwarded-Prefix over %s', (_, parts) => {
  test.each([
    ['/api', '/api'],
    ['/api/', '/api'],
    ['/', ''],
    ['/outer, /inner', '/outer/inner'],
  ])('%j of a proxy that is trusted is in front of every path', async (header, prefix) => {
    const { body } = await ask({}, parts, { 'X-Forwarded-Prefix': header });
    expect(endpointsOf(body.options)).toEqual([`${prefix}/socket/auth`, `${prefix}/socket/user-auth`]);
    expect(body.options.wsPath ?? '').toBe(prefix);
  });

  test.each(['api', 'https://evil.example.com', '//evil.example.com', '/api?x', '/a b'])(
    '%j is no path, and is refused',
    async (header) => {
      const { status, body } = await ask({}, parts, { 'X-Forwarded-Prefix': header });
      expect([status, body.message]).toEqual([400, expect.stringContaining('X-Forwarded-Prefix')]);
    },
  );
});

test.each(Object.entries(FRAMEWORKS))(
  'X-Forwarded-Prefix of anybody else means nothing over %s',
  async (_, httpAdapter) => {
    const { body } = await ask({}, { httpAdapter }, { 'X-Forwarded-Prefix': '/evil' });
    expect(endpointsOf(body.options)).toEqual(['/socket/auth', '/socket/user-auth']);
    expect(body.options).not.toHaveProperty('wsPath');
  },
);

test('X-Forwarded-Prefix of a sender whom Express does not trust means nothing', async () => {
  const parts: HostParts = {
    prepare: (app) => void (app as NestExpressApplication).set('trust proxy', '10.0.0.0/8'),
  };
  const { body } = await ask({}, parts, { 'X-Forwarded-Prefix': '/evil' });
  expect(endpointsOf(body.options)).toEqual(['/socket/auth', '/socket/user-auth']);
});
