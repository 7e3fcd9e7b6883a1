import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { blocksOf, blockThatBegins, ROOT } from '../docs/support/page.js';
import { unpack } from '../package/support.js';
import { HostProcess } from './embedding/host-process.js';
import { HOST_FILES } from './embedding/host-sources.js';
import { run } from './embedding/run.js';
import { compile, npmInstall, versionHere, writeFiles } from './embedding/workshop.js';

// Somebody else's adapter, as `docs/adapters.md` shows it: a package of its own, built against the packed library, and an
// application that installs both. No file of this project knows it.

const TEST_MS = 60_000;
/** On a fresh machine everything comes from the registry. */
const SET_UP_MS = 300_000;

const ADAPTER_INDEX = `
export { emitterAdapter, type EmitterConfig } from './emitter.adapter.js';
export { EmitterClient, type Listener } from './emitter-client.js';
`;

/** What docs/testing.md says of a package of ES modules. */
const JEST_FOR_ES_MODULES = `
module.exports.testRegex = 'src/.*\\\\.test\\\\.ts$';
module.exports.moduleNameMapper = { '^(\\\\.{1,2}/.*)\\\\.js$': '$1' };
`;

const HOST_MODULE = `
import { Controller, Get, Inject, Module, Param, Post } from '@nestjs/common';
import { type ISocketClient, type Receipt, SOCKET_CLIENT, SocketModule, SocketService } from 'nestjs-switchboard';
import { EmitterClient, emitterAdapter } from 'switchboard-emitter';

@Controller()
class HostController {
  readonly #heard: string[] = [];

  constructor(private readonly socketService: SocketService, @Inject(SOCKET_CLIENT) client: ISocketClient) {
    if (!(client instanceof EmitterClient)) throw new Error('another provider is in force');
    const hear = (event: string, json: string | undefined) => void this.#heard.push(event + ' ' + String(json));
    client.add({ memberId: 'ada', socketId: '1.1', channels: new Set(), hear, end: () => this.#heard.push('end') });
  }

  @Post('members/:id/orders')
  ship(@Param('id') id: string): Promise<Receipt> {
    return this.socketService.relayToMember(id, 'ORDER_SHIPPED', { id });
  }

  @Get('heard')
  heard(): readonly string[] {
    return this.#heard;
  }
}

@Module({ imports: [SocketModule.forRoot({ adapters: [emitterAdapter] })], controllers: [HostController] })
export class AppModule {}
`;

const HOST_MAIN = `
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule, { abortOnError: false });
await app.listen(process.env.PORT ?? 3000, '127.0.0.1');
console.log('Listening at ' + (await app.getUrl()));
`;

let adapter: string;
let host: string;

jest.setTimeout(TEST_MS);

beforeAll(async () => {
  const { folder, tarball } = await unpack();
  [adapter, host] = [join(folder, 'emitter'), join(folder, 'host')];

  const page = blocksOf('docs/adapters.md').filter(({ file }) => file.startsWith('emitter'));
  await writeFiles(adapter, {
    'package.json': JSON.stringify({
      ...{ name: 'switchboard-emitter', version: '1.0.0', type: 'module', exports: './dist/index.js' },
      files: ['dist'],
      peerDependencies: { 'nestjs-switchboard': '*' },
    }),
    'tsconfig.json': tsconfig(['node', 'jest']),
    'jest.config.cjs': `${blockThatBegins('docs/testing.md', 'js', '// jest.config.js')}${JEST_FOR_ES_MODULES}`,
    'src/index.ts': ADAPTER_INDEX,
    ...Object.fromEntries(page.map(({ file, text }) => [`src/${file}`, text])),
  });
  expect(await compile(adapter)).toBe('');
  await run('npm', ['pack', '--pack-destination', folder], adapter);

  await npmInstall(host, {
    ...{ name: 'host', private: true, type: 'module' },
    dependencies: {
      'nestjs-switchboard': `file:${tarball}`,
      'switchboard-emitter': 'file:../switchboard-emitter-1.0.0.tgz',
      ...(await versions(['@nestjs/common', '@nestjs/core', '@nestjs/platform-express'])),
      ...(await versions(['reflect-metadata', 'rxjs'])),
    },
    devDependencies: await versions(['@types/node']),
  });
  await writeFiles(host, {
    'tsconfig.json': tsconfig(['node']),
    'src/main.ts': HOST_MAIN,
    'src/app.module.ts': HOST_MODULE,
  });
  expect(await compile(host)).toBe('');
}, SET_UP_MS);

test('the adapter passes the contract suite, in Jest as the documentation sets it up', () => {
  const runner = join(ROOT, 'node_modules/jest/bin/jest.js');
  const { status, stderr } = spawnSync(process.execPath, [runner, '--ci'], {
    cwd: adapter,
    env: { PATH: process.env['PATH'] },
    encoding: 'utf8',
  });
  expect(stderr).toMatch(/^Tests: +(\d+) passed, \1 total$/m);
  expect(status).toBe(0);
});

test('the application runs on it by environment alone, and tells browsers its own options', async () => {
  const started = start({ SOCKET_PROVIDER: 'emitter', EMITTER_STAGE: 'side' });
  const url = await started.listening();
  const config: unknown = await (await fetch(`${url}/socket/config`)).json();
  expect(config).toMatchObject({ provider: 'emitter', options: { stage: 'side', hostname: '127.0.0.1' } });
  const receipt: unknown = await (await fetch(`${url}/members/ada/orders`, { method: 'POST' })).json();
  expect(receipt).toMatchObject({ status: 'sent' });
  expect(await (await fetch(`${url}/heard`)).json()).toEqual(['ORDER_SHIPPED {"id":"ada"}']);
});

test('its variables are in the list of problems, beside those of the library', async () => {
  const started = start({
    SOCKET_PROVIDER: 'emitter',
    EMITTER_MAX_LISTENERS: '-1',
    EMITTER_STAGE: 'roof',
    SOCKET_FAILURE: 'shrug',
  });
  expect(await started.ended).toMatchObject({ code: 1 });
  for (const problem of [
    'The configuration has 3 problem(s):',
    '  - SOCKET_FAILURE: must be one of: report, throw; it is "shrug"',
    '  - EMITTER_MAX_LISTENERS: must be a whole number from 0 to 2147483647; it is "-1"',
    '  - EMITTER_STAGE: must be one of: main, side; it is "roof"',
  ]) {
    expect(started.output).toContain(problem);
  }
});

test('a provider that no adapter has is refused, and the names there are include its own', async () => {
  const started = start({ SOCKET_PROVIDER: 'emiter' });
  expect(await started.ended).toMatchObject({ code: 1 });
  expect(started.output).toMatch(
    /SOCKET_PROVIDER: must be one of: ws, pusher, socket-io, memory, emitter; .*"emiter"/,
  );
});

test('no source file of this project knows the adapter', () => {
  const { status, stdout } = spawnSync('git', ['grep', '-l', 'emitterAdapter', '--', 'src'], {
    encoding: 'utf8',
  });
  // git grep ends with 1 where it finds nothing.
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
});

function start(environment: Readonly<Record<string, string>>): HostProcess {
  return HostProcess.start({ instruments: '' }, host, environment);
}

async function versions(names: readonly string[]): Promise<Record<string, string>> {
  const all = await Promise.all(names.map(async (name) => [name, await versionHere(name)] as const));
  return Object.fromEntries(all);
}

/** The strict settings of the application that embeds the package, for the compiler of this project. */
function tsconfig(types: readonly string[]): string {
  const settings = JSON.parse(HOST_FILES['tsconfig.json'] ?? '{}') as { compilerOptions: object };
  const compilerOptions = { ...settings.compilerOptions, types, declaration: true };
  return JSON.stringify({ ...settings, compilerOptions }, null, 2);
}
