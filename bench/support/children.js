import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Caller } from './rpc.js';

/**
 * Forks one of the processes beside this file, and resolves when it can be called. It ends at the latest when this process ends,
 * because its channel closes then.
 *
 * @param {string} file like `node-process.js`
 * @param {string} name how errors call it
 * @param {Record<string, string>} [env] nothing else of this process's environment but the PATH
 * @param {string[]} [execArgv] for Node itself
 * @returns {Promise<{ caller: Caller, ready: any }>}
 */
export async function startChild(file, name, env = {}, execArgv = []) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production', ...env },
    execArgv,
  });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${name} ended before it was ready (${signal ?? code})`);
  });
  const [ready] = await Promise.race([once(child, 'message'), ended]);
  ended.catch(() => undefined);
  return { caller: new Caller(child, name), ready };
}

/**
 * Ends a child that {@link startChild} started.
 *
 * @param {Caller} caller
 */
export async function endChild({ child }) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  // Killed at once, because its last commands to Redis are not measured.
  child.kill('SIGKILL');
  await exited;
}
