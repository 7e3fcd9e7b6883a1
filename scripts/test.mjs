// Runs one part of the tests: `fast` and `projects` two files at a time, `slow` one at a time; jest.config.cjs says which file
// is where.
// All further arguments are passed to jest.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const JEST = fileURLToPath(new URL('../node_modules/jest/bin/jest.js', import.meta.url));
// Something that the parts besides `fast` load keeps Jest from exiting by itself.
const OPTIONS = {
  fast: ['--maxWorkers=2'],
  slow: ['--runInBand', '--forceExit'],
  projects: ['--maxWorkers=2', '--forceExit'],
};

const [part = '', ...args] = process.argv.slice(2);
if (!Object.hasOwn(OPTIONS, part)) throw new Error(`The part is fast, slow or projects, not "${part}".`);

const { status } = spawnSync(
  process.execPath,
  ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', JEST, ...OPTIONS[part], ...args],
  { stdio: 'inherit', env: { ...process.env, SWITCHBOARD_TEST_PART: part } },
);
process.exitCode = status ?? 1;
