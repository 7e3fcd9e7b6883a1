// Called before the tests: sees to it that there is a Redis and an nginx for them to start, and an OpenSSL to make certificates.
// Says nothing where there is.
import { spawnSync } from 'node:child_process';
import { HOW_TO_INSTALL_REDIS, nginxBinary, onPath, redisBinary } from '../../scripts/redis-process.mjs';

const missing = missingPackages();
if (missing.length > 0) {
  const asRoot = aptGet();
  if (asRoot) install(asRoot, missing);
  const lacking = missingPackages();
  if (lacking.length > 0) {
    process.stderr.write(`${complaint(lacking, asRoot)}\n`);
    process.exit(1);
  }
}

/** The missing programs, by the names of their packages. */
function missingPackages() {
  const isThere = { 'redis-server': redisBinary(), openssl: onPath('openssl'), nginx: nginxBinary() };
  return Object.keys(isThere).filter((name) => isThere[name] === undefined);
}

/** How this user calls programs that only root may; undefined where there is no apt-get, or no way. */
function aptGet() {
  if (!runs('apt-get', '--version')) return undefined;
  // Asked of a program, like everything here, so that a test can answer.
  const { stdout } = spawnSync('id', ['-u'], { encoding: 'utf8' });
  if (stdout?.trim() === '0') return [];
  return runs('sudo', '-n', 'true') ? ['sudo', '-n'] : undefined;
}

function install(asRoot, packages) {
  process.stderr.write(`The tests need ${packages.join(' and ')}, which apt-get installs now.\n`);
  // A mirror that cannot be reached now may not be needed: what is known already can be enough.
  call(asRoot, 'apt-get', 'update', '-qq');
  // A fresh machine is often still updating itself.
  const patience = ['-o', 'DPkg::Lock::Timeout=300'];
  const args = ['install', '-y', '-qq', ...patience, '--no-install-recommends', ...packages];
  if (!call(asRoot, 'apt-get', ...args)) return;
  // The package starts a service, now and at every boot, which nobody here has asked for.
  for (const service of packages.filter((name) => name !== 'openssl')) {
    call(asRoot, 'service', service, 'stop');
    call(asRoot, 'update-rc.d', service, 'disable');
  }
}

/** Whether it succeeded. Its output is shown only if it did not, and only where that matters. */
function call(asRoot, program, ...args) {
  // Through `env`, because sudo takes the variables of its caller away.
  const [command, ...rest] = [...asRoot, 'env', 'DEBIAN_FRONTEND=noninteractive', program, ...args];
  const { status, stdout, stderr } = spawnSync(command, rest, { encoding: 'utf8' });
  if (status !== 0 && program === 'apt-get') process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
  return status === 0;
}

function complaint(packages, asRoot) {
  const hints = {
    'redis-server': HOW_TO_INSTALL_REDIS,
    nginx: 'nginx is needed: the package is called "nginx" everywhere.',
    openssl: 'OpenSSL is needed: the package is called "openssl" everywhere.',
  };
  const tried = asRoot ? 'apt-get could not install that.' : [];
  const needed = `The tests need ${packages.join(' and ')} on the PATH.`;
  return [needed, tried, packages.map((name) => hints[name])].flat(2).join(' ');
}

function runs(program, ...args) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}
