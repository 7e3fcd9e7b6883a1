import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Runs the built backend with this environment and nothing else of its own. */
function start(env: Record<string, string>) {
  const child = spawn(process.execPath, ['dist/main.js'], {
    env: { PATH: process.env['PATH'] ?? '', NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exit = once(child, 'close') as Promise<[number | null, string | null]>;
  const listening = new Promise<string>((resolve) => {
    child.stdout.on('data', () => {
      const url = /live page is at (\S+)/.exec(output)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
  return { child, exit, listening, output: () => output };
}

test('with no environment at all it starts on ws, serves the page, and stops on SIGTERM', async () => {
  const backend = start({ PORT: '0' });
  const url = await backend.listening;
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({
    provider: 'ws',
    status: 'up',
    connections: 0,
  });
  expect(await (await fetch(url)).text()).toContain('<html');
  backend.child.kill('SIGTERM');
  const [code, signal] = await backend.exit;
  expect(code === 0 || signal === 'SIGTERM').toBe(true);
});

test('every configuration problem is listed at once, and the exit code is 1', async () => {
  const backend = start({
    NODE_ENV: 'production',
    PORT: 'eighty',
    SOCKET_PROVIDER: 'pusher',
    SOCKET_APP_SECRET: 'hush-hush-nobody-may-see-it',
    SOCKET_FAILURE: 'ignore',
    PUSHER_PORT: '99999',
  });
  const [code] = await backend.exit;
  expect(code).toBe(1);
  for (const variable of [
    'PORT',
    'SOCKET_APP_ID',
    'SOCKET_APP_KEY',
    'SOCKET_FAILURE',
    'PUSHER_PORT',
    'PUSHER_CLUSTER',
  ]) {
    expect(backend.output()).toContain(`- ${variable}:`);
  }
  expect(backend.output()).toContain('report, throw');
  expect(backend.output()).not.toContain('hush-hush');
  expect(backend.output()).not.toContain('SOCKET_APP_SECRET');
});

test('production refuses to start without a provider and credentials of its own', async () => {
  const backend = start({ NODE_ENV: 'production', PORT: '0' });
  const [code] = await backend.exit;
  expect(code).toBe(1);
  expect(backend.output()).toContain('- SOCKET_PROVIDER: is required in production');
});

test('a port that is taken is told in a sentence, and the exit code is 1', async () => {
  const first = start({ PORT: '0' });
  const port = new URL(await first.listening).port;
  const second = start({ PORT: port });
  const [code] = await second.exit;
  expect(code).toBe(1);
  expect(second.output()).toContain(`PORT: cannot listen on port ${port}: `);
});
