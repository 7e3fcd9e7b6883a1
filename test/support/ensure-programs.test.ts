import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Nothing of this machine is on the PATH of these tests but `env` and `openssl`, so no package is ever installed by them.
const SCRIPT = 'test/support/ensure-programs.mjs';
let bin: string;

beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'switchboard-path-'));
  symlinkSync('/usr/bin/env', join(bin, 'env'));
  program('openssl');
  program('nginx');
});

afterEach(() => {
  rmSync(bin, { recursive: true });
});

/** Puts a program on the PATH: it notes how it was called, and then does this. */
function program(name: string, does = ''): void {
  const file = join(bin, name);
  const note = `echo "\${DEBIAN_FRONTEND:+$DEBIAN_FRONTEND }${name} $*" >> '${join(bin, 'calls')}'`;
  writeFileSync(file, `#!/bin/sh\n${note}\n${does}\n`);
  chmodSync(file, 0o755);
}

const userId = (id: number): void => {
  program('id', `echo ${id}`);
};

/** An apt-get whose package brings a `redis-server`. */
const aptGet = (): void => {
  const server = join(bin, 'redis-server');
  program(
    'apt-get',
    `[ "$1" != install ] || { echo '#!/bin/sh' > '${server}' && /bin/chmod 755 '${server}'; }`,
  );
};

function run(): { status: number | null; output: string; calls: string[] } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT], {
    env: { PATH: bin },
    encoding: 'utf8',
  });
  const log = join(bin, 'calls');
  const calls = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  return { status, output: stdout + stderr, calls };
}

test.each(['redis-server', 'valkey-server'])(
  'where there is a %s nothing is done, and nothing said',
  (name) => {
    program(name);
    aptGet();
    userId(0);
    expect(run()).toEqual({ status: 0, output: '', calls: [] });
  },
);

test('root installs it with apt-get, asking nothing, and leaves no service running', () => {
  aptGet();
  userId(0);
  program('service');
  program('update-rc.d');
  const { status, calls, output } = run();
  expect(calls).toEqual([
    'apt-get --version',
    'id -u',
    'noninteractive apt-get update -qq',
    'noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends redis-server',
    'noninteractive service redis-server stop',
    'noninteractive update-rc.d redis-server disable',
  ]);
  expect(output).toContain('The tests need redis-server, which apt-get installs now.');
  expect(status).toBe(0);
});

test('an openssl that is missing is installed too, and no service is touched for it', () => {
  program('redis-server');
  rmSync(join(bin, 'openssl'));
  const openssl = join(bin, 'openssl');
  program(
    'apt-get',
    `[ "$1" != install ] || { echo '#!/bin/sh' > '${openssl}' && /bin/chmod 755 '${openssl}'; }`,
  );
  userId(0);
  const { status, calls } = run();
  expect(calls.slice(2)).toEqual([
    'noninteractive apt-get update -qq',
    'noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends openssl',
  ]);
  expect(status).toBe(0);
});

test('a user that needs no password for sudo installs it with that', () => {
  aptGet();
  userId(1000);
  program('sudo', 'shift\n[ "$1" = true ] || exec "$@"');
  const { status, calls } = run();
  expect(calls).toContain('sudo -n env DEBIAN_FRONTEND=noninteractive apt-get update -qq');
  expect(calls).toContain(
    'noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends redis-server',
  );
  expect(status).toBe(0);
});

test('a machine without the service’s programs is no worse for it', () => {
  aptGet();
  userId(0);
  expect(run().status).toBe(0);
});

test('a user that would be asked for a password is told instead, and nothing is tried', () => {
  aptGet();
  userId(1000);
  program('sudo', 'exit 1');
  const { status, output, calls } = run();
  expect(calls).toEqual(['apt-get --version', 'id -u', 'sudo -n true']);
  expect(output).toMatch(/^The tests need redis-server on the PATH\. Redis 7.*apt-get install redis-server/);
  expect(status).toBe(1);
});

test('where there is no apt-get one message says how it is done on each system', () => {
  const { status, output, calls } = run();
  expect(calls).toEqual([]);
  for (const command of [
    'brew install redis',
    'dnf install redis',
    'apk add redis',
    'apt-get install redis-server',
  ]) {
    expect(output).toContain(`"${command}"`);
  }
  expect(output.trim().split('\n')).toHaveLength(1);
  expect(status).toBe(1);
});

test('an apt-get that fails is quoted, and the message says what else to do', () => {
  program(
    'apt-get',
    'case "$1" in install) echo "E: Unable to locate package redis-server" >&2; exit 100;; esac',
  );
  userId(0);
  const { status, output, calls } = run();
  expect(output).toContain('E: Unable to locate package redis-server');
  expect(output).toContain('apt-get could not install that.');
  expect(calls.some((call) => call.includes('service'))).toBe(false);
  expect(status).toBe(1);
});

test('an apt-get that brings no redis-server is a failure too', () => {
  program('apt-get');
  userId(0);
  const { status, output } = run();
  expect(output).toContain('apt-get could not install that.');
  expect(status).toBe(1);
});
