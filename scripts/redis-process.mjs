import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** The instructions to install a `redis-server`, in one paragraph. */
export const HOW_TO_INSTALL_REDIS =
  'Redis 7 or later, or Valkey, is needed: "apt-get install redis-server" on Debian and Ubuntu, ' +
  '"brew install redis" on macOS, "dnf install redis" or "dnf install valkey" on Fedora, ' +
  '"apk add redis" on Alpine.';

const BINARIES = ['redis-server', 'valkey-server'];
const ATTEMPTS = 40;
const RETRY_MS = 50;

/**
 * The `redis-server`, or else the `valkey-server`, on the PATH.
 *
 * @param {string} [path]
 */
export function redisBinary(path = process.env['PATH'] ?? '') {
  return BINARIES.map((name) => onPath(name, path)).find((found) => found !== undefined);
}

/**
 * The `nginx` on the PATH, or where systems keep it for root. Only tests start it.
 *
 * @param {string} [path]
 */
export function nginxBinary(path = process.env['PATH'] ?? '') {
  return onPath('nginx', [path, '/usr/sbin', '/usr/local/sbin'].join(delimiter));
}

/**
 * The path of a program; `undefined` when it is not on the PATH.
 *
 * @param {string} name
 * @param {string} [path]
 */
export function onPath(name, path = process.env['PATH'] ?? '') {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/**
 * A port that is probably free. It is below the ports that systems assign by themselves, so neither a listener on port 0 nor
 * a client's connection takes it before it is used, nor while a server on it is being restarted.
 */
export const likelyFreePort = () => 20_000 + Math.floor(Math.random() * 12_000);

/**
 * Starts a Redis and resolves when it accepts connections. If the port is taken, it starts again: with the given port for about
 * two seconds, or otherwise with another port each time. The Redis ends when this process ends, in whatever way.
 *
 * @param {(port: number) => readonly string[]} argsFor returns the arguments of `redis-server`; called once for every attempt
 * @param {{ port?: number, folder?: string, onLine?: (line: string) => void }} [options] `folder` is removed if this process
 *   dies; `onLine` is called with every line that Redis writes
 */
export async function startRedisProcess(argsFor, { port, folder, onLine = () => undefined } = {}) {
  const binary = redisBinary();
  if (!binary) throw new Error(`There is no redis-server on the PATH. ${HOW_TO_INSTALL_REDIS}`);
  let lines = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const chosen = port ?? likelyFreePort();
    const args = argsFor(chosen);
    lines = [];
    const started = await accepting(binary, args, folder, (line) => {
      lines.push(line);
      if (lines.length > 50) lines.shift();
      onLine(line);
    });
    if (started) return { ...started, port: chosen, args };
    if (!lines.some((line) => /Address already in use|Failed listening on port/i.test(line))) break;
    if (port !== undefined) await delay(RETRY_MS);
  }
  throw new Error(`${binary} did not start:\n${lines.join('\n')}`);
}

/**
 * Kills a child, and removes its folder, when this process ends, in whatever way. After a SIGKILL no handler of this process
 * runs, so a shell waits at the other end of a pipe, which closes then. Resolves when the child and the shell have ended.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @param {string} [folder]
 */
export async function endWithThisProcess(child, folder = '') {
  const script = 'read -r _ || { kill -9 "$1"; [ -z "$2" ] || rm -rf "$2"; }';
  const guard = spawn('/bin/sh', ['-c', script, 'sh', String(child.pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // In a process group of its own, because Ctrl-C in a terminal would otherwise end it first.
    detached: true,
  });
  const closed = new Promise((resolve) => guard.once('close', resolve).once('error', resolve));
  guard.stdin.on('error', () => undefined);
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  guard.stdin.end('\n');
  await closed;
}

async function accepting(binary, args, folder, onLine) {
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  // The error of a Redis that cannot be spawned comes here, before `close`.
  child.once('error', (error) => onLine(String(error)));
  const closed = new Promise((resolve) => child.once('close', resolve));
  const guarded = child.pid === undefined ? undefined : endWithThisProcess(child, folder);
  const ended = Promise.all([closed, guarded]).then(() => undefined);
  const ready = new Promise((resolve) => {
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        onLine(line);
        if (/Ready to accept connections|Sentinel ID is/.test(line)) resolve(true);
      });
    }
  });
  return (await Promise.race([ready, ended])) && { child, ended };
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
