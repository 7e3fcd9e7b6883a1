import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { promisify } from 'node:util';
import { jest } from '@jest/globals';
import { ROOT } from '../docs/support/page.js';
import { writeFiles } from '../e2e/embedding/workshop.js';
import { unpack } from './support.js';

const run = promisify(execFile);
const MINUTE = 60_000;
const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;
/** Pages of the documentation also name files of the repository, for whoever works on it. */
const IN_THE_REPOSITORY =
  /^(?:\.\.\/)(?:src|test|bench|scripts|CONTRIBUTING\.md|RELEASING\.md|\.env\.example)/;

let folder: string;
let tarball: string;
let installed: string;

jest.setTimeout(5 * MINUTE);

beforeAll(async () => {
  ({ folder, tarball, installed } = await unpack());
});

test('publint has nothing to say', async () => {
  const { stdout } = await run(join(ROOT, 'node_modules/.bin/publint'), [tarball, '--strict']);
  expect(stdout).toContain('All good!');
});

test('its types are right for every entry, under node10, node16 and bundler', async () => {
  const { stdout } = await run(join(ROOT, 'node_modules/.bin/attw'), [tarball]);
  expect(stdout).toContain('No problems found');
});

test('its declarations load none of its dependencies, which a strict compiler would check for seconds', async () => {
  const entries = ['', '/testing', '/browser'].map(
    (entry) => `export * from 'nestjs-switchboard${entry}';\n`,
  );
  await writeFiles(
    folder,
    Object.fromEntries(entries.map((text, index) => [`entry-${String(index)}.mts`, text])),
  );
  const files = entries.map((_, index) => `entry-${String(index)}.mts`);
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const options = ['--module', 'nodenext', '--strict', '--types', 'node', '--listFilesOnly'];
  const { stdout } = await run(process.execPath, [compiler, ...options, ...files], { cwd: folder });
  expect(stdout).toContain('nestjs-switchboard/dist/testing/index.d.ts');
  const { dependencies, peerDependenciesMeta } = JSON.parse(
    await readFile(join(installed, 'package.json'), 'utf8'),
  ) as Record<'dependencies' | 'peerDependenciesMeta', object>;
  for (const name of Object.keys({ ...dependencies, ...peerDependenciesMeta }))
    expect(stdout).not.toContain(`/node_modules/${name}/`);
});

test('every relative link of the README leads to a file of the package, and so do the links of docs/ to other pages', async () => {
  const pages = [
    'README.md',
    'CHANGELOG.md',
    ...(await readdir(join(installed, 'docs'))).map((name) => `docs/${name}`),
  ];
  const broken: string[] = [];
  for (const page of pages.filter((name) => name.endsWith('.md'))) {
    const text = (await readFile(join(installed, page), 'utf8')).replace(/^(`{3,}).*\n[\s\S]*?^\1$/gm, '');
    for (const [, target = ''] of text.matchAll(LINK)) {
      if (/^(?:[a-z]+:|#)/.test(target)) continue;
      if (page.startsWith('docs/') && IN_THE_REPOSITORY.test(target)) continue;
      const [path = ''] = target.split('#');
      if (!existsSync(join(installed, normalize(join(dirname(page), path)))))
        broken.push(`${page}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
});

test('a process that imports and requires it has one of everything', async () => {
  const script = `
    import { createRequire } from 'node:module';
    const require = createRequire(import.meta.url);
    const differing = [];
    for (const entry of ['nestjs-switchboard', 'nestjs-switchboard/testing']) {
      const [imported, required] = [await import(entry), require(entry)];
      const names = Object.keys(imported).sort();
      if (names.join() !== Object.keys(required).sort().join()) differing.push(entry);
      differing.push(...names.filter((name) => imported[name] !== required[name]));
    }
    console.log(JSON.stringify(differing));
  `;
  await writeFiles(folder, { 'both.mjs': script });
  const { stdout, stderr } = await run(process.execPath, ['both.mjs'], { cwd: folder });
  expect({ differing: JSON.parse(stdout) as unknown, warnings: stderr }).toEqual({
    differing: [],
    warnings: '',
  });
});

// The dependency is CommonJS, and requires the library; the application is an ES module, and imports it.
const GREETER = `
const { Inject, Module } = require('@nestjs/common');
const { SOCKET_CLIENT, SocketDeliveryError, SocketService } = require('nestjs-switchboard');

class Greeter {
  constructor(socketService, client) {
    Object.assign(this, { socketService, client });
  }
  greet(memberId) {
    return this.socketService.relayToMember(memberId, 'GREETING', { text: 'hi' });
  }
  async failure(memberId) {
    const error = await this.greet(memberId).catch((error) => error);
    return { error, isDeliveryError: error instanceof SocketDeliveryError };
  }
}
Inject(SocketService)(Greeter, undefined, 0);
Inject(SOCKET_CLIENT)(Greeter, undefined, 1);
class GreeterModule {}
Module({ providers: [Greeter], exports: [Greeter] })(GreeterModule);
module.exports = { Greeter, GreeterModule };
`;

const GREETED = `
import { deepEqual, equal } from 'node:assert/strict';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import greeter from 'greeter';
import { SOCKET_CLIENT, SocketDeliveryError, SocketModule, SocketService } from 'nestjs-switchboard';
import { connect } from 'nestjs-switchboard/browser';
import Pusher from 'pusher-js';

class AppModule {}
Module({
  imports: [
    SocketModule.forRoot({ env: {}, failure: 'throw', identify: ({ headers }) => ({ id: headers['x-member'] }) }),
    greeter.GreeterModule,
  ],
})(AppModule);
const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
const { socketService, client } = app.get(greeter.Greeter);
equal(socketService, app.get(SocketService));
equal(client, app.get(SOCKET_CLIENT));

const socket = await connect(Pusher, { url: await app.getUrl(), headers: { 'x-member': 'alice' } });
const heard = new Promise((resolve) => socket.onMember('GREETING', resolve));
equal((await app.get(greeter.Greeter).greet('alice')).status, 'sent');
deepEqual(await heard, { text: 'hi' });

socket.disconnect();
await app.close();
const { error, isDeliveryError } = await app.get(greeter.Greeter).failure('alice');
deepEqual([error.code, error instanceof SocketDeliveryError, isDeliveryError], ['PROVIDER_UNAVAILABLE', true, true]);
// pusher-js for Node leaves a timer of 30 seconds behind.
process.stdout.write('both halves are one', () => process.exit());
`;

test('a CommonJS dependency of an ES module relays through its application, and their errors and tokens are the same', async () => {
  await writeFiles(folder, {
    'node_modules/greeter/package.json': JSON.stringify({
      name: 'greeter',
      version: '1.0.0',
      main: 'index.js',
    }),
    'node_modules/greeter/index.js': GREETER,
    'greeted.mjs': GREETED,
  });
  const { stdout, stderr } = await run(process.execPath, ['greeted.mjs'], { cwd: folder });
  expect({ stdout, stderr }).toEqual({ stdout: 'both halves are one', stderr: '' });
});
