import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { HostProcess } from '../e2e/embedding/host-process.js';
import { run } from '../e2e/embedding/run.js';
import { whenSuiteEnds, whenTestEnds } from '../e2e/embedding/teardown.js';
import { npmInstall, pack, versionHere, writeFiles } from '../e2e/embedding/workshop.js';
import { openBrowser } from '../support/pusher-browser.js';

// An application on `ws` has old versions of its own of all that the other providers, the cluster and the queue would need.

jest.setTimeout(60_000);
/** On a fresh machine everything comes from the registry. */
const SET_UP_MS = 300_000;

const UNSUPPORTED = { ioredis: '4.28.5', bullmq: '4.18.2', pusher: '3.0.1', 'prom-client': '13.2.0' };

const MAIN = `
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SocketModule, SocketService } from 'nestjs-switchboard';
import { Registry } from 'prom-client';

class AppModule {}
Module({
  imports: [
    SocketModule.forRoot({
      identify: ({ headers }) => ({ id: String(headers['x-member']) }),
      ...(process.env.METRICS === 'true' && { metrics: new Registry() }),
    }),
  ],
})(AppModule);

const app = await NestFactory.create(AppModule, { abortOnError: false });
app.getHttpAdapter().post('/greet', async (_, response) => {
  response.json(await app.get(SocketService).relayToMember('alice', 'GREETING', { text: 'hi' }));
});
await app.listen(process.env.PORT, '127.0.0.1');
console.log('Listening at ' + (await app.getUrl()));
`;

let host: string;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'switchboard-versions-'));
  whenSuiteEnds(() => rm(folder, { recursive: true, force: true }));
  const { tarball } = await pack(folder);
  host = join(folder, 'host');
  const versions: Record<string, string> = { ...UNSUPPORTED };
  for (const name of [
    '@nestjs/common',
    '@nestjs/core',
    '@nestjs/platform-express',
    'reflect-metadata',
    'rxjs',
    'ws',
  ])
    versions[name] = await versionHere(name);
  await writeFiles(host, { '.npmrc': 'strict-peer-deps=true\n', 'dist/main.js': MAIN });
  await npmInstall(host, {
    ...{ name: 'host', private: true, type: 'module' },
    dependencies: { 'nestjs-switchboard': `file:../${tarball}`, ...versions },
  });
}, SET_UP_MS);

test('npm installs the package beside them, and finds nothing wrong', async () => {
  const { stdout } = await run('npm', ['ls', '--depth=0'], host);
  for (const [name, version] of Object.entries(UNSUPPORTED)) expect(stdout).toContain(`${name}@${version}\n`);
});

test('the application reaches the real pusher-js on the provider "ws"', async () => {
  const url = await start({ SOCKET_PROVIDER: 'ws' }).listening();
  const alice = await openBrowser(url, 'alice');
  whenTestEnds(() => {
    alice.leave();
  });
  expect(await greet(url)).toMatchObject({ status: 'sent' });
  expect(await alice.next()).toEqual({ event: 'GREETING', payload: { text: 'hi' } });
});

test('the application relays on the provider "memory"', async () => {
  const url = await start({ SOCKET_PROVIDER: 'memory' }).listening();
  expect(await greet(url)).toMatchObject({ status: 'sent' });
});

test.each([
  [
    'the provider "pusher"',
    { SOCKET_PROVIDER: 'pusher', SOCKET_APP_ID: '7', PUSHER_CLUSTER: 'eu' },
    'The provider "pusher" needs "pusher" ^5.0.0, and 3.0.1 is installed. Install with: npm install "pusher@^5.0.0"',
  ],
  [
    'many nodes',
    { SOCKET_CLUSTER: 'redis' },
    'The cluster "redis" needs "ioredis" ^5.0.0 || ^6.0.0, and 4.28.5 is installed. Install with: npm install "ioredis@^5.0.0 || ^6.0.0"',
  ],
  [
    'the queue',
    { SOCKET_CLUSTER: 'redis', SOCKET_DELIVERY: 'queue' },
    'The delivery "queue" needs "bullmq" ^5.55.0 || ^6.0.0, and 4.18.2 is installed. Install with: npm install "bullmq@^5.55.0 || ^6.0.0"',
  ],
  [
    'metrics',
    { METRICS: 'true' },
    'The option "metrics" needs "prom-client" ^14.0.0 || ^15.0.0, and 13.2.0 is installed. Install with: npm install "prom-client@^14.0.0 || ^15.0.0"',
  ],
])(
  'where the configuration wants %s, the start fails and names both versions',
  async (_, environment, said) => {
    const started = start({
      ...{ SOCKET_APP_KEY: 'the-key', SOCKET_APP_SECRET: 'the-secret-nobody-may-see' },
      ...{ SOCKET_REDIS_URL: 'redis://127.0.0.1:1' },
      ...environment,
    });
    expect(await started.ended).toMatchObject({ code: 1 });
    expect(started.output).toContain(`MissingPackageError: ${said}\n`);
  },
);

function start(environment: Readonly<Record<string, string>>): HostProcess {
  return HostProcess.start({ instruments: '' }, host, environment);
}

async function greet(url: string): Promise<unknown> {
  return (await fetch(`${url}/greet`, { method: 'POST' })).json();
}
