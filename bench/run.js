// Measures the cost of Switchboard: `npm run bench`. README.md explains the figures.
import { readdir } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { copyBuild } from './support/build.js';
import { Load } from './support/load.js';
import { installPackages, peerVersions } from './support/packages.js';
import { redisVersion } from './support/redis.js';
import { readResults, rounded, worseThan, writeResults } from './support/results.js';
import { Bench } from './support/run.js';
import { tableOf } from './support/table.js';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    peer: { type: 'string', multiple: true, default: [] },
    only: { type: 'string', multiple: true, default: [] },
  },
});

/** @param {string} text */
const say = (text) => void process.stdout.write(`${text}\n`);

/** @returns {Promise<import('./support/run.js').Scenario[]>} those that were asked for, or all, suite by suite */
async function scenarios() {
  const files = await readdir(new URL('./scenarios/', import.meta.url));
  const all = await Promise.all(files.map(async (file) => (await import(`./scenarios/${file}`)).default));
  const wanted = all
    .sort(inOrder)
    .filter(
      ({ suite, name }) =>
        flags.only.length === 0 ||
        flags.only.some((only) => [suite, name, `${suite}/${name}`].includes(only)),
    );
  if (wanted.length === 0) throw new Error(`There is no scenario ${flags.only.join(', ')}.`);
  return wanted;
}

/** @type {(one: import('./support/run.js').Scenario, other: import('./support/run.js').Scenario) => number} */
const inOrder = (one, other) =>
  `${one.suite} ${one.name}`.localeCompare(`${other.suite} ${other.name}`, 'en', { numeric: true });

/**
 * @param {import('./support/run.js').Scenario} scenario
 * @param {Bench} bench
 */
async function play({ title, run }, bench) {
  const started = performance.now();
  const result = await run(bench);
  await bench.verify();
  say(`\n${title}\n\n${tableOf(result.rows)}`);
  for (const note of result.notes ?? []) say(`  ${note}`);
  say(`  ${Math.round((performance.now() - started) / 1_000)} s`);
  return { checks: [], ...result };
}

/**
 * @param {string} suite
 * @param {import('./support/run.js').Scenario[]} wanted
 * @param {Bench} bench
 * @returns {Promise<boolean>} whether no figure is worse than it was
 */
async function playSuite(suite, wanted, bench) {
  const committed = flags.check ? (await readResults(suite)).checks : {};
  /** @type {import('./support/run.js').Check[]} */
  const worse = [];
  /** @type {Record<string, import('./support/run.js').Result>} */
  const results = {};
  for (const scenario of wanted) {
    const result = await play(scenario, bench);
    results[scenario.name] = result;
    const suspects = worseThan(committed, result.checks);
    if (suspects.length === 0) continue;
    // Measured again, because a regression shows again, and a disturbance of the machine does not.
    say('\n  Worse than committed, so once more:');
    const again = await play(scenario, bench);
    const names = new Set(suspects.map(({ name }) => name));
    worse.push(...worseThan(committed, again.checks).filter(({ name }) => names.has(name)));
  }
  const checks = Object.values(results).flatMap((result) => result.checks ?? []);
  say(`\nRatios and counts (${suite})\n`);
  for (const { name, value } of checks) {
    say(
      `  ${String(rounded(value)).padStart(8)}  ${name}${flags.check ? `  (was ${committed[name] ?? 'unknown'})` : ''}`,
    );
  }
  if (flags.check) {
    for (const { name, value } of worse)
      say(`\nWORSE: ${name} is ${rounded(value)} and was ${committed[name]}`);
    return worse.length === 0;
  }
  // A partial run must not replace the results of a whole one.
  const isWhole = flags.only.length === 0 || flags.only.includes(suite);
  if (flags.quick || flags.full || flags.peer.length > 0 || !isWhole) return true;
  await writeResults(suite, {
    made: {
      cpus: cpus().length,
      node: process.version,
      ...(suite === 'speed' ? await peerVersions() : { redis: await redisVersion() }),
      rounds: bench.rounds,
    },
    scenarios: Object.fromEntries(
      wanted.map(({ name, title }) => [
        name,
        {
          title,
          rows: Object.fromEntries((results[name]?.rows ?? []).map(({ label, values }) => [label, values])),
        },
      ]),
    ),
    checks: Object.fromEntries(checks.map(({ name, value }) => [name, value])),
  });
  return true;
}

const started = performance.now();
const wanted = await scenarios();
if (wanted.some(({ suite }) => suite === 'speed')) await installPackages(say);
// All started processes end with this one; only the copy of the build would be left.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
const bench = new Bench(await copyBuild(), await Load.start(), {
  isQuick: flags.quick,
  isFull: flags.full,
  peers: flags.peer,
});
try {
  for (const suite of new Set(wanted.map((scenario) => scenario.suite))) {
    const fine = await playSuite(
      suite,
      wanted.filter((scenario) => scenario.suite === suite),
      bench,
    );
    if (!fine) process.exitCode = 1;
    await bench.endSuite();
  }
  say(`\n${Math.round((performance.now() - started) / 1_000)} s`);
} finally {
  await bench.close();
}
