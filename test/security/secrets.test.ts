import { once } from 'node:events';
import { createServer } from 'node:http';
import { inspect } from 'node:util';
import { jest } from '@jest/globals';
import { Module } from '@nestjs/common';
import { SocketService } from 'nestjs-switchboard';
import { HealthController } from '../../src/reference/health/health.controller.js';
import { Host, portOf } from '../support/host.js';
import { startRedis } from '../support/redis.js';
import { startProtectedRedis } from '../support/redis-protected.js';
import { userAuth } from '../support/signing.js';
import { onTeardown } from '../support/teardown.js';
import { WebhookEndpoint } from '../support/webhook-endpoint.js';
import { everythingLogged } from './support.js';

const APP = { id: '7', key: 'the-key', secret: 'the-secret-nobody-may-see' };
const MASTER_KEY = Buffer.alloc(32, 'm').toString('base64');
const PASSWORD = 'redis-password-nobody-may-see';
const TOKEN = 'token-nobody-may-see';
/** The secrets that must not be seen, in any spelling. A signature is 64 hexadecimal digits. */
const SECRETS = [APP.secret, MASTER_KEY, PASSWORD, TOKEN, 'nobody-may-see'];
const SIGNATURE = /[0-9a-f]{64}/;

/** The reference backend's own. */
@Module({ controllers: [HealthController] })
class Health {}

/** Everything that this process writes from now on, by a logger or past it. */
function everythingWritten(): () => string {
  const logged = everythingLogged();
  let written = '';
  for (const stream of [process.stdout, process.stderr]) {
    const spy = jest.spyOn(stream, 'write').mockImplementation((chunk) => {
      written += String(chunk);
      return true;
    });
    onTeardown(() => {
      spy.mockRestore();
    });
  }
  return () => written + logged.lines.join('\n');
}

function expectNoSecretIn(text: string): void {
  for (const secret of SECRETS) expect(text).not.toContain(secret);
  expect(text).not.toMatch(SIGNATURE);
}

/** An error with all that hangs on it. */
const all = (value: unknown) => inspect(value, { depth: 9, showHidden: true, maxStringLength: null });

test('a provider that fails shows no secret and no signature, in the log, the receipt, the error or the health', async () => {
  const written = everythingWritten();
  const lost: unknown[] = [];
  // Says what it was sent, and more than it should know.
  const provider = createServer((request, response) => {
    const { url = '', headers } = request;
    response.writeHead(401).end(`Invalid: ${url} ${JSON.stringify(headers)} ${APP.secret}`);
  });
  await once(provider.listen(0, '127.0.0.1'), 'listening');
  onTeardown(() => {
    provider.closeAllConnections();
    provider.close();
  });
  const host = await Host.start({
    provider: 'pusher',
    app: APP,
    encryptionMasterKey: MASTER_KEY,
    pusher: { host: '127.0.0.1', port: portOf(provider), scheme: 'http' },
    onRelayError: (relay) => lost.push(relay),
  });
  const service = host.nest.get(SocketService);
  const receipts = [
    await service.relayToMember('ada', 'TOLD' as never, { n: 1 } as never),
    await service.relayToChannel('private-encrypted-a', 'TOLD' as never, { n: 1 } as never),
    await service.disconnectMember('ada'),
  ];
  expect(receipts.map(({ status }) => status)).toEqual(['failed', 'failed', 'failed']);
  await service.onlineMembers(['ada']);
  expect(lost).toHaveLength(3);
  expect(written()).toContain('was lost');
  expectNoSecretIn(written() + all(receipts) + all(lost) + all(await service.health()));
});

test('a gateway whose webhooks fail, and whose clients guess, shows no secret and no signature', async () => {
  const written = everythingWritten();
  const endpoint = await WebhookEndpoint.start(APP);
  const failed = new Promise((resolve) => {
    endpoint.answers.push((response) => {
      resolve(undefined);
      response.writeHead(500).end(APP.secret);
    });
  });
  const url = new URL(endpoint.url);
  url.username = 'user';
  url.password = TOKEN;
  url.search = `?token=${TOKEN}`;
  const host = await Host.start({
    app: APP,
    encryptionMasterKey: MASTER_KEY,
    webhooks: { urls: [url.href], privateTargets: true },
    httpApi: { enabled: true },
  });
  const client = host.raw(`/app/${APP.key}?protocol=7`);
  const id = await client.greeted();
  const { user_data } = userAuth(APP, id, { id: 'ada' });
  client.say('pusher:signin', { auth: `${APP.key}:guess`, user_data });
  const refusals = [await client.next()];
  client.say('pusher:subscribe', { channel: 'private-a', auth: `${APP.key}:guess` });
  refusals.push(await client.next());
  client.say('pusher:subscribe', { channel: 'orders' });
  await client.next();
  await failed;
  const answers = await Promise.all(
    [
      `/apps/7/channels?auth_key=${APP.key}&auth_timestamp=${Math.floor(Date.now() / 1_000)}&auth_version=1.0&auth_signature=guess`,
      '/apps/7/channels',
      '/socket/config',
      '/socket/nothing',
    ].map(async (path) => (await fetch(host.url + path)).text()),
  );
  const health = await host.runtime.client.health();
  await host.close();
  expect(written()).toContain('Webhook http://127.0.0.1');
  expectNoSecretIn(written() + all(refusals) + answers.join('') + all(health));
});

test('a Redis that quotes its password in an error is not repeated (bug: it was, in the log and in the health)', async () => {
  const written = everythingWritten();
  // As a proxy does that knows neither command, and real servers whose operator has renamed them.
  const redis = await startRedis({ args: ['--rename-command', 'AUTH', '', '--rename-command', 'HELLO', ''] });
  const host = await Host.start({
    app: APP,
    cluster: 'redis',
    redis: { url: `redis://user:${PASSWORD}@127.0.0.1:${redis.port}` },
  });
  const health = await host.runtime.client.health();
  const receipt = await host.nest.get(SocketService).broadcast('TOLD' as never, {} as never);
  expect(health).toMatchObject({
    status: 'degraded',
    reason: expect.stringMatching(/unknown command/) as string,
  });
  expect(receipt.status).toBe('failed');
  expectNoSecretIn(written() + JSON.stringify([health, receipt]));
});

test('the health of the reference backend and what it tells browsers have no secret, and no address of Redis', async () => {
  const written = everythingWritten();
  const { server, password } = await startProtectedRedis();
  const host = await Host.start({
    app: APP,
    encryptionMasterKey: MASTER_KEY,
    imports: [Health],
    env: {
      SOCKET_CLUSTER: 'redis',
      SOCKET_REDIS_URL: `redis://user:${PASSWORD}@127.0.0.1:${server.port}`,
    },
  });
  const answers = await Promise.all(
    ['/health', '/socket/config'].map(async (path) => (await fetch(host.url + path)).text()),
  );
  expect(answers[0]).toContain('degraded');
  expect(answers.join('')).not.toContain(password);
  expect(answers.join('')).not.toMatch(new RegExp(`redis:|:${server.port}\\b`));
  expectNoSecretIn(written() + answers.join(''));
});
