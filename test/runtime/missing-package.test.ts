import 'reflect-metadata';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { jest } from '@jest/globals';

const WS_MODULE = '../../src/adapters/ws/ws.module.js';

interface NodeFailure {
  readonly code: string;
  readonly message: string;
}

/** The error of Node itself where a package is not installed: asked of Node, in a directory without packages. */
async function failureOfNode(code: string): Promise<NodeFailure> {
  const script = `${code}.catch(({ code, message }) => console.log(JSON.stringify({ code, message })))`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd: tmpdir(),
  });
  return JSON.parse(stdout) as NodeFailure;
}

const importing = (name: string) => failureOfNode(`import('${name}')`);
const requiring = (name: string) =>
  failureOfNode(`import('node:module').then((m) => m.createRequire(process.cwd() + '/x.js')('${name}'))`);

/** Starts a runtime with a provider. */
async function starting(provider: string) {
  const { SocketRuntime } = await import('../../src/runtime/socket-runtime.js');
  const { socketConfig } = await import('../../src/config/socket-config.js');
  return SocketRuntime.start(socketConfig({}, { provider }), console);
}

/** Loads the adapter `ws`, one of whose imports fails like this. */
async function loadingWs(failure: Error): Promise<unknown> {
  jest.resetModules();
  jest.unstable_mockModule(WS_MODULE, () => {
    throw failure;
  });
  return starting('ws').catch((error: unknown) => error);
}

test.each([
  ['imported', 'ws', importing],
  ['required', 'ws', requiring],
])(
  'where a package that is %s is missing, %s, all that the provider needs and how to install it is told',
  async (_, name, ask) => {
    const { message, code } = await ask(name);
    expect(code).toMatch(/MODULE_NOT_FOUND$/);
    const cause = Object.assign(new Error(message), { code });
    const error = await loadingWs(cause);
    expect(error).toMatchObject({
      name: 'MissingPackageError',
      code: 'MISSING_PACKAGE',
      retryable: false,
      provider: 'ws',
      packages: ['ws'],
    });
    expect((error as Error).cause).toBe(cause);
    expect((error as Error).message).toContain('npm install ws');
  },
);

test.each(['tslib', 'ws-of-another-name', '@nestjs/core'])(
  'where another package is missing, %s, the error stays what it is',
  async (name) => {
    const failure = Object.assign(new Error(), await importing(name));
    expect(await loadingWs(failure)).toBe(failure);
  },
);

test('where the adapter fails for another reason, the error stays what it is', async () => {
  const failure = new SyntaxError("Unexpected token 'ws'");
  expect(await loadingWs(failure)).toBe(failure);
});

test('where a package of the queue is missing, the start fails before any adapter is asked for its parts', async () => {
  jest.resetModules();
  const cause = Object.assign(new Error(), await importing('bullmq'));
  jest.unstable_mockModule('../../src/delivery/queue/index.js', () => {
    throw cause;
  });
  const { SocketRuntime } = await import('../../src/runtime/socket-runtime.js');
  const { socketConfig } = await import('../../src/config/socket-config.js');
  const create = jest.fn((): Promise<never> => Promise.reject(new Error('it was started')));
  const adapters = ['one', 'two'].map((name) => ({ name, create, clientOptions: () => ({}) }));
  const delivery = { mode: 'queue' } as const;
  for (const provider of ['one', ['one', 'two']] as const) {
    const settings = { provider, delivery, redis: { url: 'redis://127.0.0.1:1' } };
    const starting = SocketRuntime.start(socketConfig({}, settings, { adapters }), console, adapters);
    const missing = { code: 'MISSING_PACKAGE', packages: ['bullmq', 'ioredis'], cause };
    await expect(starting).rejects.toMatchObject(missing);
  }
  expect(create).not.toHaveBeenCalled();
});

test('the provider memory needs no package', async () => {
  jest.resetModules();
  expect((await starting('memory')).providers).toMatchObject([{ name: 'memory' }]);
});
