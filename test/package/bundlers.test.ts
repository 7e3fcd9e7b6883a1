import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { blockThatBegins } from '../docs/support/page.js';
import { HostProcess } from '../e2e/embedding/host-process.js';
import { run } from '../e2e/embedding/run.js';
import { whenSuiteEnds, whenTestEnds } from '../e2e/embedding/teardown.js';
import { npmInstall, pack, versionHere, writeFiles } from '../e2e/embedding/workshop.js';
import { openBrowser } from '../support/pusher-browser.js';

// A stranger bundles a page, and a backend without any optional package but `ws`. The package is installed from the tarball.

jest.setTimeout(120_000);
/** On a fresh machine everything comes from the registry. */
const SET_UP_MS = 300_000;

const PAGE = `
import Pusher from 'pusher-js';
import { connect } from 'nestjs-switchboard/browser';

void connect(Pusher).then((socket) => socket.onMember('ORDER_SHIPPED', ({ id }) => document.body.append(id)));
`;

// Nest loads its own drivers by a name that webpack cannot follow, so the driver is given.
const MAIN = `
require('reflect-metadata');
const { Controller, Inject, Module, Param, Post } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { ExpressAdapter } = require('@nestjs/platform-express');
const { SocketModule, SocketService } = require('nestjs-switchboard');

class OrdersController {
  constructor(socketService) {
    this.socketService = socketService;
  }

  ship(id, memberId) {
    return this.socketService.relayToMember(memberId, 'ORDER_SHIPPED', { id });
  }
}
const { prototype } = OrdersController;
Controller('orders')(OrdersController);
Inject(SocketService)(OrdersController, undefined, 0);
Param('id')(prototype, 'ship', 0);
Param('memberId')(prototype, 'ship', 1);
Post(':id/ship-to/:memberId')(prototype, 'ship', Object.getOwnPropertyDescriptor(prototype, 'ship'));

class AppModule {}
const identify = ({ headers }) => ({ id: String(headers['x-member']) });
Module({ imports: [SocketModule.forRoot({ identify })], controllers: [OrdersController] })(AppModule);

async function start() {
  const app = await NestFactory.create(AppModule, new ExpressAdapter(), { abortOnError: false });
  await app.listen(process.env.PORT, '127.0.0.1');
  console.log('Listening at ' + (await app.getUrl()));
}
void start();
`;

const WEBPACK_PAGE = `
module.exports = {
  mode: 'production',
  entry: './page.js',
  output: { path: __dirname + '/page', filename: 'webpack.js' },
};
`;

/** Runs webpack with a file of settings, and prints nothing but its errors and warnings. */
const WEBPACK = `
const webpack = require('webpack');
webpack(require('./' + process.argv[2]), (error, stats) => {
  if (error) throw error;
  process.stdout.write(stats.toString({ all: false, errors: true, warnings: true }));
});
`;

let folder: string;
let project: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchboard-bundlers-'));
  whenSuiteEnds(() => rm(folder, { recursive: true, force: true }));
  const { tarball } = await pack(folder);
  project = join(folder, 'project');
  const versions: Record<string, string> = { webpack: '^5.0.0', vite: '^8.0.0' };
  for (const name of [
    ...['@nestjs/common', '@nestjs/core', '@nestjs/platform-express', 'reflect-metadata', 'rxjs'],
    ...['ws', 'pusher-js', 'esbuild'],
  ])
    versions[name] = await versionHere(name);
  await npmInstall(project, {
    ...{ name: 'bundled', private: true },
    dependencies: { 'nestjs-switchboard': `file:../${tarball}`, ...versions },
  });
  await writeFiles(project, {
    'page.js': PAGE,
    'index.html': '<!doctype html><title>Orders</title><script type="module" src="page.js"></script>',
    'dist/main.js': MAIN,
    'run-webpack.js': WEBPACK,
    'webpack.page.js': WEBPACK_PAGE,
    'webpack.config.js': blockThatBegins('docs/installing.md', 'js', '// webpack.config.js'),
  });
}, SET_UP_MS);

describe('a page', () => {
  test.each([
    ['esbuild', 'esbuild page.js --bundle --outfile=page/esbuild.js --log-level=warning'],
    ['webpack', 'run-webpack webpack.page.js'],
    ['Vite', 'vite build --outDir page/vite --logLevel warn'],
  ])('is bundled by %s, which warns of nothing', async (_, command) => {
    expect(await toldBy(command)).toBe('');
  });
});

describe.each(['esbuild', 'webpack'])('a backend', (bundler) => {
  let told: string;
  let deployed: string;

  beforeAll(async () => {
    told = await toldBy(
      bundler === 'webpack'
        ? 'run-webpack webpack.config.js'
        : `${blockThatBegins('docs/installing.md', 'sh', 'npx esbuild').trim()} --log-level=warning`,
    );
    // Where no package is installed.
    deployed = join(folder, bundler);
    await mkdir(deployed);
    await rename(join(project, 'bundle'), join(deployed, 'dist'));
  });

  test(`is bundled by ${bundler}, which warns of nothing`, () => {
    expect(told).toBe('');
  });

  test(`that ${bundler} has bundled relays on the provider "memory"`, async () => {
    const url = await start({ SOCKET_PROVIDER: 'memory' }).listening();
    expect(await ship(url)).toMatchObject({ status: 'sent' });
  });

  test(`that ${bundler} has bundled reaches the real pusher-js on the provider "ws"`, async () => {
    const url = await start({ SOCKET_PROVIDER: 'ws' }).listening();
    const alice = await openBrowser(url, 'alice');
    whenTestEnds(() => {
      alice.leave();
    });
    expect(await ship(url)).toMatchObject({ status: 'sent' });
    expect(await alice.next()).toEqual({ event: 'ORDER_SHIPPED', payload: { id: '42' } });
  });

  test.each([
    ['provider "pusher"', 'pusher', { SOCKET_PROVIDER: 'pusher', SOCKET_APP_ID: '7', PUSHER_CLUSTER: 'eu' }],
    ['cluster "redis"', 'ioredis', { SOCKET_CLUSTER: 'redis' }],
  ])(`that ${bundler} has bundled names what the %s lacks`, async (_, missing, environment) => {
    const host = start({
      ...{ SOCKET_APP_KEY: 'the-key', SOCKET_APP_SECRET: 'the-secret-nobody-may-see' },
      ...{ SOCKET_REDIS_URL: 'redis://127.0.0.1:1' },
      ...environment,
    });
    expect(await host.ended).toMatchObject({ code: 1 });
    expect(host.output).toMatch(
      new RegExp(`MissingPackageError: The .+ needs .*"${missing}".* Install with: npm install`),
    );
  });

  function start(environment: Readonly<Record<string, string>>): HostProcess {
    return HostProcess.start({ instruments: '' }, deployed, environment);
  }
});

/** Runs a program of the project, and resolves with all that it wrote. */
async function toldBy(command: string): Promise<string> {
  const [name = '', ...args] = command.replace(/^npx /, '').split(/[\s\\]+/);
  const { stdout, stderr } =
    name === 'run-webpack'
      ? await run(process.execPath, ['run-webpack.js', ...args], project)
      : await run(join(project, 'node_modules/.bin', name), args, project);
  return stdout + stderr;
}

async function ship(url: string): Promise<unknown> {
  return (await fetch(`${url}/orders/42/ship-to/alice`, { method: 'POST' })).json();
}
