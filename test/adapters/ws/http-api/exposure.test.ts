import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { wsAdapter } from '../../../../src/adapters/ws/ws.adapter.js';
import { socketConfig } from '../../../../src/config/socket-config.js';
import { SocketConfigurationError } from '../../../../src/ports/errors.js';
import type { ISocketClient } from '../../../../src/ports/socket-client.js';
import { startProvider } from '../../../../src/runtime/provider.js';
import { NO_CALLERS } from '../../../support/callers.js';
import { Host, portOf } from '../../../support/host.js';
import type { Credentials } from '../../../support/signing.js';
import { onTeardown } from '../../../support/teardown.js';
import { onOneNode } from '../../../support/topology.js';
import { hasItsOwnEmit } from '../../../support/upgrades.js';
import { ask, OpenRequest, signedUrl } from './support.js';

const BODY = '{}';
const terminate = (app: Credentials, origin: string, prefix = '') => {
  const path = `${prefix}/apps/${app.id}/users/ann/terminate_connections`;
  return ask(origin + signedUrl(app, 'POST', path, { body: BODY }), 'POST', BODY);
};

describe('The HTTP API is only where it is asked for', () => {
  test.each([undefined, { enabled: false }])('which is nowhere unless it is enabled', async (httpApi) => {
    const host = await Host.start(httpApi === undefined ? {} : { httpApi });
    expect((await terminate(host.app, host.url)).status).toBe(404);
  });

  test.each([
    ['Express', undefined],
    ['Fastify', () => new FastifyAdapter() as AbstractHttpAdapter],
  ])('which is the application’s own server, over %s', async (_, adapter) => {
    const host = await Host.start({
      httpApi: { enabled: true },
      ...(adapter !== undefined && { httpAdapter: adapter }),
    });
    expect(await terminate(host.app, host.url)).toMatchObject({ status: 200, body: {} });
    await host.close();
    expect(hasItsOwnEmit(host.server)).toBe(true);
  });

  test('below the gateway’s path, with a signature of the path as sent', async () => {
    const host = await Host.start({ httpApi: { enabled: true }, gatewayPath: '/ws' });
    expect((await terminate(host.app, host.url, '/ws')).status).toBe(200);
    expect((await terminate(host.app, host.url)).status).toBe(404);
  });

  onOneNode('two nodes on one machine cannot have the same port of their own', () => {
    test('or a port of its own, with the gateway’s path and without it, and then not the public one', async () => {
      const port = await freePort();
      const host = await Host.start({ httpApi: { enabled: true, port }, gatewayPath: '/ws' });
      const origin = `http://127.0.0.1:${port}`;
      expect((await terminate(host.app, origin)).status).toBe(200);
      expect((await terminate(host.app, origin, '/ws')).status).toBe(200);
      expect((await terminate(host.app, host.url)).status).toBe(404);
      expect((await terminate(host.app, host.url, '/ws')).status).toBe(404);
      expect(await ask(`${origin}/`, 'GET')).toMatchObject({ status: 404 });
      expect(await ask(`${origin}/socket/config`, 'GET')).toMatchObject({ status: 404 });
      await host.close();
      await expect(terminate(host.app, origin)).rejects.toThrow();
    });

    test('and what is under way on a port of its own does not hold up the close', async () => {
      const port = await freePort();
      const host = await Host.start({ httpApi: { enabled: true, port } });
      const silent = connect(port, '127.0.0.1');
      const silentEnded = once(silent, 'close');
      await once(silent, 'connect');
      const path = `/apps/${host.app.id}/events`;
      const half = new OpenRequest(port, signedUrl(host.app, 'POST', path, { body: BODY }), {
        headers: { Expect: '100-continue' },
      });
      half.request.flushHeaders();
      await once(half.request, 'continue');
      await terminate(host.app, `http://127.0.0.1:${port}`);
      await host.close();
      expect((await half.answered).response.statusCode).toBe(503);
      await silentEnded;
    });
  });

  test('and a port that is taken fails the start, and leaves nothing behind', async () => {
    const { port } = await plainServer();
    let server: Server | undefined;
    const start = Host.start({
      httpApi: { enabled: true, port },
      prepare: (app) => {
        server = app.getHttpServer() as Server;
      },
    });
    const error: unknown = await start.then(
      () => undefined,
      (failure: unknown) => failure,
    );
    expect(error).toBeInstanceOf(SocketConfigurationError);
    expect(error).toMatchObject({
      problems: [
        expect.stringMatching(
          new RegExp(`^SOCKET_HTTP_API_PORT: .*cannot listen on port ${port}: .*EADDRINUSE`),
        ),
      ],
    });
    expect(server?.listening).toBe(false);
    expect(server !== undefined && hasItsOwnEmit(server)).toBe(true);
  });
});

onOneNode('there is one HTTP server, without an application', () => {
  describe('The application’s own traffic is not touched', () => {
    test.each([
      '/',
      '/apps',
      '/apps/',
      '/apps/switchboard',
      '/apps/switchboards/events',
      '/apps/other/events',
      '/apps/other/users/7?key=auth_signature=',
      '/ws/apps/switchboard/events',
      '/application/apps/switchboard/events',
      '//apps/switchboard/events',
    ])('by an API on its server: %s reaches it with its body unread', async (path) => {
      const { port, attach } = await plainServer((method, url, body) => `${method} ${url} ${body}`);
      await attach({ id: 'switchboard', key: 'key', secret: 'secret' });
      const answer = await ask(`http://127.0.0.1:${port}${path}`, 'POST', 'a body');
      expect(answer.body).toBe(`POST ${path} a body`);
    });

    test('and what is signed for an app that is not there is answered with 404', async () => {
      const { port, attach } = await plainServer(() => 'the host');
      await attach({ id: 'switchboard', key: 'key', secret: 'secret' });
      const other = { id: 'other', key: 'key', secret: 'secret' };
      expect(await terminate(other, `http://127.0.0.1:${port}`)).toMatchObject({
        status: 404,
        body: 'No app has the id "other"\n',
      });
    });
  });

  describe('Two gateways on one server', () => {
    const one = { id: 'one', key: 'key-one', secret: 'secret one' };
    const two = { id: 'two', key: 'key-two', secret: 'secret two' };

    test('answer each for its own app, and one goes on when the other has closed', async () => {
      const { port, attach } = await plainServer(() => 'the host');
      const origin = `http://127.0.0.1:${port}`;
      const first = await attach(one);
      await attach(two);
      for (const app of [one, two]) expect((await terminate(app, origin)).status).toBe(200);
      expect((await terminate({ ...two, id: 'one' }, origin)).status).toBe(401);
      await first.close();
      expect((await terminate(one, origin)).status).toBe(404);
      expect((await terminate(two, origin)).status).toBe(200);
    });
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await listening(server);
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, resolve));
}

/** A server without Nest, what it answers by itself, and a way to put gateways on it. */
async function plainServer(
  answer: (method: string, url: string, body: string) => string = () => '',
): Promise<{ port: number; attach: (app: Credentials) => Promise<ISocketClient> }> {
  const server = createServer((request, response) => {
    void text(request).then((body) => response.end(answer(request.method ?? '', request.url ?? '', body)));
  });
  await listening(server);
  onTeardown(() => {
    expect(hasItsOwnEmit(server)).toBe(true);
    server.closeAllConnections();
    server.close();
  });
  const logger = { log: () => undefined, warn: () => undefined, error: () => undefined };
  const attach = async (app: Credentials): Promise<ISocketClient> => {
    const config = socketConfig({}, { provider: 'ws', app, httpApi: { enabled: true } });
    const { client, attachment } = await startProvider(wsAdapter, config, logger);
    await attachment?.attach(server, '/socket', NO_CALLERS);
    onTeardown(() => client.close());
    return client;
  };
  return { port: portOf(server), attach };
}
