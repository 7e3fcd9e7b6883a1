import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { likelyFreePort, nginxBinary } from '../../scripts/redis-process.mjs';
import { onTeardown } from './teardown.js';

/** A port for {@link startNginx}, which an application may have to know first. */
export const nginxPort = likelyFreePort;

/**
 * Starts a real nginx, which ends after the test.
 *
 * @param port from {@link nginxPort}
 * @param upstream like `127.0.0.1:3000` or `unix:/tmp/app.sock`; locations call it `app`
 * @param locations the `location` blocks of its only server
 */
export function startNginx(port: number, upstream: string, locations: string): Promise<void> {
  return startNginxWith(`
      map $http_upgrade $connection_upgrade { default upgrade; '' close; }
      upstream app { server ${upstream}; }
      server {
        listen 127.0.0.1:${port};
        ${locations}
      }`);
}

/**
 * Starts a real nginx, which ends after the test.
 *
 * @param http the content of its `http` block
 */
export async function startNginxWith(http: string): Promise<void> {
  const binary = nginxBinary();
  if (binary === undefined) throw new Error('There is no nginx on the PATH. Install the package "nginx".');
  const folder = mkdtempSync(join(tmpdir(), 'switchboard-nginx-'));
  mkdirSync(join(folder, 'logs'));
  const config = join(folder, 'nginx.conf');
  writeFileSync(config, configuration(folder, http));
  const nginx = spawn(binary, ['-p', folder, '-c', config, '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(nginx, 'exit');
  onTeardown(async () => {
    nginx.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true });
  });
  const lines: string[] = [];
  const started = new Promise<void>((resolve) => {
    createInterface(nginx.stderr).on('line', (line) => {
      lines.push(line);
      if (line.includes('start worker process')) resolve();
    });
  });
  const failed = exited.then(() => {
    throw new Error(`nginx did not start:\n${lines.join('\n')}`);
  });
  await Promise.race([started, failed]);
  failed.catch(() => undefined);
}

function configuration(folder: string, http: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  return `
    daemon off;
    worker_processes 1;
    pid ${join(folder, 'nginx.pid')};
    error_log stderr notice;
    events {}
    http {
      access_log off;
      ${temporary.join('\n')}
      ${http}
    }`;
}
