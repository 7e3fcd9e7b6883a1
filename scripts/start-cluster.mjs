// Starts two nodes of the reference backend, and a Redis unless SOCKET_REDIS_URL names one: `npm run start:cluster`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { endWithThisProcess, startRedisProcess } from './redis-process.mjs';

const BACKEND = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const PATIENCE_MS = 10_000;

/** The started processes, in their order. The nodes are ended first, together, and then the Redis. */
const children = [];
let folder;
let ending = false;

// The nodes read the .env file too; the environment wins over it.
try {
  process.loadEnvFile();
} catch {
  // The file is optional.
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void end(0));
// The reader of the output may end before this process does.
process.stdout.on('error', () => void end(0));

try {
  const ports = twoPorts(process.env['PORT']);
  const url = process.env['SOCKET_REDIS_URL'] || (await startRedis());
  const pages = await Promise.all(ports.map((port, index) => startNode(`node ${index + 1}`, port, url)));
  if (!ending) say(`Two nodes, one service. Open both pages:\n  ${pages.join('\n  ')}`);
} catch (error) {
  say(error.message);
  await end(1);
}

function twoPorts(text) {
  if (text === undefined || text.trim() === '') return [3_000, 3_001];
  const port = Number(text);
  if (!/^\d+$/.test(text.trim()) || port > 65_534) {
    throw new Error(`PORT: must be a whole number from 0 to 65534; it is ${JSON.stringify(text)}`);
  }
  return port === 0 ? [0, 0] : [port, port + 1];
}

/** Resolves with the URL of a Redis that accepts connections and saves nothing. */
async function startRedis() {
  folder = mkdtempSync(join(tmpdir(), 'switchboard-redis-'));
  const standing = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const { child, port } = await startRedisProcess((chosen) => [...standing, '--port', String(chosen)], {
    folder,
    onLine: (line) => print('redis', line),
  });
  watch('redis', child);
  return `redis://127.0.0.1:${port}`;
}

/** Resolves with the URL of the node's page. Does not resolve if the node ends before it has one. */
function startNode(name, port, redisUrl) {
  if (ending) return undefined;
  const child = spawn(process.execPath, ['--enable-source-maps', BACKEND], {
    env: {
      ...process.env,
      ...(!process.stdout.isTTY && { NO_COLOR: '1' }),
      PORT: String(port),
      SOCKET_CLUSTER: 'redis',
      SOCKET_REDIS_URL: redisUrl,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // In a group of its own, because Ctrl-C signals the terminal's whole group at once, and here the order matters.
    detached: true,
  });
  void endWithThisProcess(child);
  watch(name, child);
  return new Promise((resolve) => {
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        print(name, line);
        const page = /live page is at (\S+)/.exec(stripVTControlCharacters(line))?.[1];
        if (page) resolve(page);
      });
    }
  });
}

function watch(name, child) {
  children.push({ name, child });
  // Not `exit`: the last lines of its output are printed before `close`.
  child.once('close', (code, signal) => {
    if (ending) return;
    say(`${name} ended unexpectedly (${signal ?? `exit code ${code}`}); ending the rest.`);
    void end(1);
  });
}

async function end(code) {
  if (ending) return;
  ending = true;
  const nodes = children.filter(({ name }) => name !== 'redis');
  await Promise.all(nodes.map(stop));
  await Promise.all(children.filter(({ name }) => name === 'redis').map(stop));
  if (folder) rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}

async function stop({ name, child }) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  const impatience = setTimeout(() => {
    say(`${name} does not end; killing it.`);
    child.kill('SIGKILL');
  }, PATIENCE_MS);
  child.kill('SIGTERM');
  await closed;
  clearTimeout(impatience);
}

function print(name, line) {
  process.stdout.write(`[${name}] ${line}\n`);
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
