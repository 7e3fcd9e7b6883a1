import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { SocketRejectedError, SocketUnavailableError } from '../../../../src/ports/errors.js';
import { APP, expectNoSecrets, failureOf, HttpApi, listen, startClient } from '../support.js';

/** A port on which nobody listens any more. */
async function deadPort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('an answer that is a failure', () => {
  test.each([408, 429, 500, 502, 503])('makes of %i an error that a retry may mend', async (status) => {
    const api = await HttpApi.start(() => ({ status, body: 'try later' }));
    const { client } = await startClient(api.port);

    const error = await failureOf(client.relayToMember('7', 'E'));

    expect(error).toBeInstanceOf(SocketUnavailableError);
    expect(error).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', provider: 'pusher', lost: ['7'] });
    expect(error.message).toBe(
      `Could not deliver "E" through "pusher" to member "7": HTTP ${status}: try later`,
    );
    expect(error.cause).toMatchObject({ status, message: `HTTP ${status}: try later` });
  });

  test.each([400, 401, 403, 404, 413])('makes of %i an error that no retry mends', async (status) => {
    const api = await HttpApi.start(() => ({ status, body: '' }));
    const { client } = await startClient(api.port);

    const error = await failureOf(client.relayToMember('7', 'E'));

    expect(error).toBeInstanceOf(SocketRejectedError);
    expect(error).toMatchObject({ code: 'PROVIDER_REJECTED', provider: 'pusher', lost: ['7'] });
    expect(error.message).toBe(`Could not deliver "E" through "pusher" to member "7": HTTP ${status}`);
  });

  test('names what was lost for every call', async () => {
    const api = await HttpApi.start(() => ({ status: 500 }));
    const { client } = await startClient(api.port);

    const errors = await Promise.all(
      [
        client.relayToChannel('room', 'E'),
        client.broadcast('E'),
        client.disconnectMember('7'),
        client.onlineMembers(['7', '8']),
        client.channelMembers('presence-room'),
      ].map(failureOf),
    );

    expect(errors.map(({ message, lost }) => [message, lost])).toEqual([
      ['Could not deliver "E" through "pusher" to channel "room": HTTP 500', ['room']],
      ['Could not deliver "E" through "pusher" to channel "everybody": HTTP 500', ['everybody']],
      ['Could not disconnect member "7" through "pusher": HTTP 500', ['7']],
      ['Could not ask "pusher" which members are online: HTTP 500', []],
      ['Could not ask "pusher" who is on "presence-room": HTTP 500', []],
    ]);
  });

  test('keeps the server’s text to one short line', async () => {
    const api = await HttpApi.start(() => ({
      status: 502,
      body: `<html>\n\t\u001b[31m${'x'.repeat(5_000)}`,
    }));
    const { client } = await startClient(api.port);

    const error = await failureOf(client.relayToMember('7', 'E'));

    expect(error.message).toMatch(/HTTP 502: <html> \[31mx+…$/);
    expect(error.message.length).toBeLessThan(300);
  });

  test('hides the signed query and the signature that a server quotes', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port, {}, { secret: 'another-secret' });

    const error = await failureOf(client.relayToMember('7', 'E'));

    expect(error).toBeInstanceOf(SocketRejectedError);
    expect(error.message).toContain('HTTP 401: Invalid signature: you should have sent');
  });

  test('hides a secret that a server spells out', async () => {
    const api = await HttpApi.start(() => ({ status: 400, body: `your secret is ${APP.secret}, is it not` }));
    const { client } = await startClient(api.port);

    const error = await failureOf(client.relayToMember('7', 'E'));

    expect(error.message).toContain('your secret is [hidden], is it not');
  });

  test('does not take a redirect’s 200 for a delivery', async () => {
    const elsewhere = await listen(createHttpServer((_, response) => response.end('{}')));
    const location = `http://127.0.0.1:${elsewhere}/`;
    const api = await HttpApi.start(() => ({ status: 301, headers: { location } }));
    const { client } = await startClient(api.port);

    const error = await failureOf(client.relayToMember('7', 'E'));

    expect(error).toBeInstanceOf(SocketRejectedError);
    expect(error.message).toContain('the server redirects elsewhere');
  });

  test.each(['<h1>It works!</h1>', '{"occupied":"yes"}', '[]', 'null', ''])(
    'may be a 200 that says something else than was asked for: %j',
    async (body) => {
      const api = await HttpApi.start(() => ({ body }));
      const { client } = await startClient(api.port);

      const error = await failureOf(client.onlineMembers(['7']));

      expect(error).toBeInstanceOf(SocketRejectedError);
      expect(error.message).toContain('the answer is not one of the Pusher HTTP API');
    },
  );

  test('refuses an encrypted channel, for which there is no key', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    await expect(client.relayToChannel('private-encrypted-room', 'E', 'secret plans')).rejects.toMatchObject({
      name: 'SocketUsageError',
      code: 'INVALID_CHANNEL_NAME',
      message: expect.stringContaining('SOCKET_ENCRYPTION_MASTER_KEY') as string,
    });
    expect(api.received).toEqual([]);
  });
});

describe('no answer at all', () => {
  test('says that the connection was refused, and keeps the code', async () => {
    const { client } = await startClient(await deadPort());

    const error = await failureOf(client.relayToMember('7', 'E'));

    expect(error).toBeInstanceOf(SocketUnavailableError);
    expect(error.message).toMatch(
      /^Could not deliver "E" through "pusher" to member "7": connect ECONNREFUSED 127\.0\.0\.1:\d+$/,
    );
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED', status: undefined });
  });

  test('says that the server hung up', async () => {
    const api = await HttpApi.start(({ connection }) => {
      connection.destroy();
      return 'nothing';
    });
    const { client } = await startClient(api.port);

    const error = await failureOf(client.relayToMember('7', 'E'));

    expect(error).toBeInstanceOf(SocketUnavailableError);
    expect(error.cause).toMatchObject({ code: 'ECONNRESET' });
  });

  test('is given up after the configured time', async () => {
    const api = await HttpApi.start(() => 'nothing');
    const { client } = await startClient(api.port, { timeoutMs: 50 });

    const error = await failureOf(client.relayToMember('7', 'E'));

    expect(error).toBeInstanceOf(SocketUnavailableError);
    expect(error.message).toContain('to member "7": no answer within 50 ms');
    expect(error.cause).toMatchObject({ code: 'ETIMEDOUT' });
    await api.until(({ connections }) => connections.size === 0);
  });

  test.each([200, 500])(
    'is what an answer with %i that never ends comes to, and its connection ends',
    async (status) => {
      const api = await HttpApi.start((_, response) => {
        response.writeHead(status).write('{');
        return 'nothing';
      });
      const { client } = await startClient(api.port, { timeoutMs: 50 });

      const error = await failureOf(client.relayToMember('7', 'E'));

      expect(error).toBeInstanceOf(SocketUnavailableError);
      await api.until(({ connections }) => connections.size === 0);
    },
  );

  test.each([200, 500])('is what an answer with %i that breaks off comes to', async (status) => {
    const api = await HttpApi.start(({ connection }, response) => {
      response.writeHead(status, { 'content-length': '100' });
      response.write('{', () => connection.destroy());
      return 'nothing';
    });
    const { client } = await startClient(api.port, { timeoutMs: 50 });

    expect(await failureOf(client.relayToMember('7', 'E'))).toBeInstanceOf(SocketUnavailableError);
  });

  test('is what a broken chunked answer comes to', async () => {
    const api = await HttpApi.start(({ connection }, response) => {
      response.writeHead(200);
      response.write('{', () => connection.destroy());
      return 'nothing';
    });
    const { client } = await startClient(api.port);

    expect(await failureOf(client.relayToMember('7', 'E'))).toBeInstanceOf(SocketUnavailableError);
  });
});

describe('health', () => {
  test('is down with a reason, without secrets, when the credentials are wrong', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port, {}, { secret: 'another-secret' });

    const health = await client.health();

    expect(health).toMatchObject({ status: 'down', connections: null });
    expect(health.reason).toContain('HTTP 401');
    expectNoSecrets(health);
  });

  test('is down when nobody is there', async () => {
    const { client } = await startClient(await deadPort());

    const health = await client.health();

    expect(health.status).toBe('down');
    expect(health.reason).toContain('ECONNREFUSED');
  });

  test('is down when somebody else is there', async () => {
    const api = await HttpApi.start(() => ({ body: '<h1>It works!</h1>' }));
    const { client } = await startClient(api.port);

    expect((await client.health()).status).toBe('down');
  });
});

describe('secrets', () => {
  test('do not show when somebody logs the client', async () => {
    const { client } = await startClient(await deadPort());

    expect(inspect(client, { depth: Infinity, showHidden: true })).not.toContain(APP.secret);
  });
});
