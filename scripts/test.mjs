// Runs one part of the tests, some files at a time; jest.config.cjs says which file is where.
// All further arguments are passed to jest.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const JEST = join(ROOT, 'node_modules/jest/bin/jest.js');
const PARTS = ['fast', 'slow', 'projects'];
/** Files of the fast part wait for a third of their time, so three of them keep two cores busy. */
const FAST_FILES_AT_ONCE = 3;
const FILES_AT_ONCE = 2;

const [part = '', ...args] = process.argv.slice(2);
if (!PARTS.includes(part)) throw new Error(`The part is fast, slow or projects, not "${part}".`);

const packed = part === 'projects' ? packInto(mkdtempSync(join(tmpdir(), 'switchboard-packed-'))) : undefined;
const workers = args.some((arg) => arg.startsWith('--maxWorkers'))
  ? []
  : [`--maxWorkers=${part === 'fast' ? FAST_FILES_AT_ONCE : FILES_AT_ONCE}`];
const { status } = spawnSync(
  process.execPath,
  ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', JEST, ...workers, ...args],
  {
    stdio: 'inherit',
    env: { ...process.env, SWITCHBOARD_TEST_PART: part, ...(packed && { SWITCHBOARD_PACKED: packed }) },
  },
);
process.exitCode = status ?? 1;
if (packed) rmSync(packed, { recursive: true });

/** Packs the package, with npm's list of its files beside the tarball. Every project installs this one. */
function packInto(folder) {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const { stdout, status } = spawnSync('npm', args, {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error('npm could not pack the package');
  writeFileSync(join(folder, 'list.json'), stdout);
  return folder;
}
