import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import * as library from 'nestjs-switchboard';
import * as browser from 'nestjs-switchboard/browser';
import * as testing from 'nestjs-switchboard/testing';
import { openBrowser } from '../support/pusher-browser.js';
import { startRedis } from '../support/redis.js';
import { HostProcess } from './embedding/host-process.js';
import type { Instrument } from './embedding/instruments.js';
import { startPusherApi } from './embedding/pusher-api.js';
import { whenTestEnds } from './embedding/teardown.js';
import {
  OPTIONAL,
  optionalPackagesIn,
  setUpWorkshop,
  verifyDependencies,
  type Workshop,
} from './embedding/workshop.js';

// A stranger embeds the package: from the tarball, into an application outside this project, with npm and the compiler.

const APP = { id: '7', key: 'the-key', secret: 'the-secret-nobody-may-see' };
/** All that makes one provider another. Port 1 is no server, and none is needed to start. */
const ENVIRONMENTS = {
  ws: { SOCKET_PROVIDER: 'ws' },
  pusher: {
    SOCKET_PROVIDER: 'pusher',
    SOCKET_APP_ID: APP.id,
    SOCKET_APP_KEY: APP.key,
    SOCKET_APP_SECRET: APP.secret,
    PUSHER_HOST: '127.0.0.1',
    PUSHER_PORT: '1',
    PUSHER_SCHEME: 'http',
  },
  memory: { SOCKET_PROVIDER: 'memory' },
} as const;
/** All that an application on `memory` loads because of the package. */
const MEMORY_RUNS_ON = ['nestjs-switchboard', 'tweetnacl', 'valibot'];
/**
 * How many files that may be: Node takes about half a millisecond for each, and that is most of what the package adds to an
 * application's start.
 */
const MOST_FILES = { own: 149, all: 151 };
const TEST_MS = 60_000;
/** On a fresh machine everything comes from the registry. */
const SET_UP_MS = 300_000;

let workshop: Workshop;

jest.setTimeout(TEST_MS);

beforeAll(async () => {
  workshop = await setUpWorkshop();
}, SET_UP_MS);

describe('the tarball', () => {
  test('has the three entry points, their types, and nothing but the library', () => {
    const { packed } = workshop;
    for (const entry of ['index', 'testing/index', 'browser/index']) {
      for (const ending of ['js', 'd.ts', 'mjs', 'd.mts'])
        expect(packed).toContain(`dist/${entry}.${ending}`);
    }
    const reference = /^dist\/(?:main\.|reference\/)|tsbuildinfo$/;
    expect(packed.filter((path) => reference.test(path))).toEqual([]);
    const expected =
      /^(?:dist\/.+|docs\/[\w-]+\.(?:md|png|svg)|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/;
    expect(packed.filter((path) => !expected.test(path))).toEqual([]);
    expect(packed.filter((path) => path.includes('.test.'))).toEqual([]);
  });

  test('has source maps for browsers, whose bundlers look for them, and no others', () => {
    const { packed } = workshop;
    const scripts = packed.filter((path) => /^dist\/browser\/.+\.m?js$/.test(path));
    expect(scripts).not.toEqual([]);
    expect(packed.filter((path) => path.endsWith('.map')).sort()).toEqual(
      scripts.map((path) => `${path}.map`).sort(),
    );
  });
});

describe('an installation', () => {
  test.each(['full', 'bare'] as const)('leaves no peer dependency open (%s)', async (which) => {
    await expect(verifyDependencies(workshop[which])).resolves.toBeUndefined();
  });

  test('brings no optional package by itself', () => {
    expect(optionalPackagesIn(workshop.bare)).toEqual([]);
    expect(optionalPackagesIn(workshop.full)).toEqual(OPTIONAL);
  });

  test('compiles strictly, declaration files included, without the optional packages', () => {
    expect(workshop.compilation).toBe('');
  });

  test('exports from the three entry points what the sources export, without the optional packages', async () => {
    const host = HostProcess.start(workshop, workshop.bare, {}, { program: 'list-exports' });
    expect(await host.ended).toEqual({ code: 0, signal: null });
    expect(JSON.parse(host.output)).toEqual({
      main: Object.keys(library).sort(),
      forTests: Object.keys(testing).sort(),
      forBrowsers: Object.keys(browser).sort(),
    });
  });

  test('loads for a browser nothing but what is made for it', async () => {
    const record = workshop.newFile('loaded');
    const host = HostProcess.start(
      workshop,
      workshop.full,
      { LOADED_MODULES: record },
      { program: 'browser-only', watchedBy: ['record-modules'] },
    );
    expect(await host.ended).toEqual({ code: 0, signal: null });
    const loaded = await packagedModules(record);
    expect(loaded).not.toEqual([]);
    for (const url of loaded) expect(url).toContain('/node_modules/nestjs-switchboard/dist/browser/');
  });

  test('lets the application be tested with the fake, whatever provider the environment names', async () => {
    const host = HostProcess.start(workshop, workshop.bare, ENVIRONMENTS.ws, { program: 'with-fake' });
    const ending = await host.ended;
    expect(host.output).toContain('The fake heard it');
    expect(ending).toEqual({ code: 0, signal: null });
  });
});

describe('an application with one import', () => {
  test('on the provider "ws" reaches the real pusher-js, and ends with nothing left hanging', async () => {
    const host = start(ENVIRONMENTS.ws, ['let-drain']);
    const url = await host.listening();
    const alice = await openBrowser(url, 'alice');
    whenTestEnds(() => {
      alice.leave();
    });

    expect(alice.socket.provider).toBe('ws');
    expect(await ship(url, '42', 'alice')).toMatchObject({ status: 'sent' });
    expect(await alice.next()).toEqual({ event: 'ORDER_SHIPPED', payload: { orderId: '42' } });

    // With the browser still connected.
    expect(await host.end()).toEqual({ code: 0, signal: null });
  });

  test('on the provider "pusher" sends a signed request, and ends with nothing left hanging', async () => {
    const api = await startPusherApi(APP);
    const host = start({ ...ENVIRONMENTS.pusher, PUSHER_PORT: String(api.port) }, ['let-drain']);
    const url = await host.listening();

    expect(await clientConfig(url)).toMatchObject({ provider: 'pusher', key: APP.key });
    expect(await ship(url, '42', 'alice')).toMatchObject({ status: 'sent' });
    expect(await api.taken.next()).toEqual({
      method: 'POST',
      path: `/apps/${APP.id}/events`,
      body: {
        ...{ name: 'ORDER_SHIPPED', data: '{"orderId":"42"}', channels: ['#server-to-user-alice'] },
        // A gateway knows the event by it when it is sent again.
        idempotency_key: expect.stringMatching(/^id /) as string,
      },
    });
    expect(api.refused).toEqual([]);

    // With the connection to Pusher kept alive.
    expect(await host.end()).toEqual({ code: 0, signal: null });
  });

  test('on the provider "pusher" with a wrong secret gets a receipt that says so, and shows no secret', async () => {
    const api = await startPusherApi({ ...APP, secret: 'another secret' });
    const host = start({ ...ENVIRONMENTS.pusher, PUSHER_PORT: String(api.port) });
    const url = await host.listening();

    expect(await ship(url, '42', 'alice')).toMatchObject({
      status: 'failed',
      error: { code: 'PROVIDER_REJECTED', retryable: false },
    });
    expect(api.refused).toEqual([`/apps/${APP.id}/events`]);
    await host.end();
    expect(host.output).toContain('ORDER_SHIPPED');
    expect(host.output).not.toContain(APP.secret);
  });

  test('on the provider "memory" relays without any server, and ends with nothing left hanging', async () => {
    const host = start(ENVIRONMENTS.memory, ['let-drain']);
    const url = await host.listening();

    expect(await clientConfig(url)).toMatchObject({ provider: 'memory' });
    expect(await ship(url, '42', 'alice')).toEqual({ id: expect.any(String) as unknown, status: 'sent' });

    expect(await host.end()).toEqual({ code: 0, signal: null });
  });

  test.each(Object.entries(ENVIRONMENTS))('on the provider "%s" ends on SIGTERM', async (_, environment) => {
    const host = start(environment);
    await host.listening();
    expect(await host.end()).toEqual({ code: null, signal: 'SIGTERM' });
  });
});

describe('of the optional packages', () => {
  test.each([
    { provider: 'memory', needed: [] },
    { provider: 'pusher', needed: ['pusher'] },
    { provider: 'ws', needed: ['ws'] },
  ] as const)('the provider "$provider" loads exactly $needed', async ({ provider, needed }) => {
    const loaded = await loadedWith(ENVIRONMENTS[provider]);
    const isLoaded = (name: string) => loaded.some((url) => url.includes(`/node_modules/${name}/`));
    expect(OPTIONAL.filter(isLoaded)).toEqual(needed);
  });

  test('the provider "memory" loads nothing but what it runs on, and few files', async () => {
    const withoutPackage = new Set((await loadedWith({}, 'without-package')).map(packageOf));
    const loaded = new Set(await loadedWith(ENVIRONMENTS.memory));
    const ours = [...loaded].filter((url) => !withoutPackage.has(packageOf(url)));

    expect([...new Set(ours.map(packageOf))].sort()).toEqual(MEMORY_RUNS_ON);
    const own = ours.filter((url) => packageOf(url) === 'nestjs-switchboard');
    expect(own.length).toBeLessThanOrEqual(MOST_FILES.own);
    expect(ours.length).toBeLessThanOrEqual(MOST_FILES.all);
  });

  test('the provider "memory" needs none', async () => {
    const host = HostProcess.start(workshop, workshop.bare, ENVIRONMENTS.memory);
    expect(await ship(await host.listening(), '42', 'alice')).toMatchObject({ status: 'sent' });
  });

  test.each([
    { provider: 'ws', command: 'npm install ws' },
    { provider: 'pusher', command: 'npm install pusher' },
  ] as const)(
    'the provider "$provider" names what is missing, and "$command"',
    async ({ provider, command }) => {
      const host = HostProcess.start(workshop, workshop.bare, ENVIRONMENTS[provider]);
      expect(await host.ended).toEqual({ code: 1, signal: null });
      const missing = command.split(' ').slice(2);
      const names = missing.map((name) => `"${name}"`).join(', ');
      expect(host.output).toContain(
        `MissingPackageError: The provider "${provider}" needs ${names}, which cannot be loaded. Install with: ${command}\n`,
      );
    },
  );
});

describe('the command', () => {
  const run = (folder: string, environment: Readonly<Record<string, string>> = {}) =>
    spawnSync(join(folder, 'node_modules/.bin/switchboard'), ['dead-letters'], {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...environment },
      encoding: 'utf8',
    });

  test('is there for an application that has installed the package', () => {
    const { status, stderr } = run(workshop.full);
    expect(status).toBe(1);
    expect(stderr).toMatch(/SOCKET_REDIS_URL: says where the queue is/);
  });

  test('looks into the queue', async () => {
    const redis = await startRedis();
    const { status, stdout } = run(workshop.full, { SOCKET_REDIS_URL: redis.url });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '0 dead letter(s)\n' });
  });

  test('names what is missing, and what installs it', () => {
    const { status, stderr } = run(workshop.bare, { SOCKET_REDIS_URL: 'redis://127.0.0.1:1' });
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /The delivery "queue" needs "bullmq", "ioredis", which cannot be loaded. Install with: npm install bullmq ioredis/,
    );
  });
});

/** Starts the application that has everything installed. */
function start(
  environment: Readonly<Record<string, string>>,
  watchedBy: readonly Instrument[] = [],
): HostProcess {
  return HostProcess.start(workshop, workshop.full, environment, { watchedBy });
}

/** Makes the application relay, by its own HTTP route, and returns the receipt. */
async function ship(url: string, orderId: string, memberId: string): Promise<unknown> {
  const response = await fetch(`${url}/orders/${orderId}/ship-to/${memberId}`, { method: 'POST' });
  expect(response.status).toBe(201);
  return response.json();
}

async function clientConfig(url: string): Promise<unknown> {
  const response = await fetch(`${url}/socket/config`);
  expect(response.status).toBe(200);
  return response.json();
}

/** The URLs of all that an application loads until it listens and while it ends, the host's own modules left out. */
async function loadedWith(
  environment: Readonly<Record<string, string>>,
  program?: string,
): Promise<string[]> {
  const record = workshop.newFile('loaded');
  const host = HostProcess.start(
    workshop,
    workshop.full,
    { ...environment, LOADED_MODULES: record },
    { ...(program !== undefined && { program }), watchedBy: ['record-modules', 'let-drain'] },
  );
  await host.listening();
  expect(await host.end()).toEqual({ code: 0, signal: null });
  return packagedModules(record);
}

/** The name of the package that a file belongs to. */
function packageOf(url: string): string {
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? url;
}

/** The URLs that the instrument `record-modules` has written down, the host's own modules left out. */
async function packagedModules(record: string): Promise<string[]> {
  const urls = (await readFile(record, 'utf8')).split('\n');
  return urls.filter((url) => url.includes('/node_modules/'));
}
