// Runs the tests: first the files that can run side by side, two at a time; then those of clusters of processes and broken
// networks, one at a time. The arguments are passed to jest. Fails when one of the two runs fails.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const JEST = fileURLToPath(new URL('../node_modules/jest/bin/jest.js', import.meta.url));

const codes = [
  ['together', '--maxWorkers=2'],
  ['apart', '--runInBand'],
].map(([part, ...options]) => {
  const { status } = spawnSync(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      JEST,
      ...options,
      '--passWithNoTests',
      ...process.argv.slice(2),
    ],
    { stdio: 'inherit', env: { ...process.env, SWITCHBOARD_TEST_PART: part } },
  );
  return status ?? 1;
});
process.exitCode = Math.max(...codes);
