import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** A figure that grows by more than this factor is a regression. */
const TOLERANCE = 1.1;

/**
 * The least growth that counts as a regression, by kind of figure. A tiny share that doubles (0.002 that becomes 0.004) is no
 * regression, and on a busy machine a ratio of CPU times moves a little too.
 */
const FLOORS = {
  count: 0.05,
  bytes: 0.02,
  cpu: 0.15,
  share: 0.02,
  growth: 0.15,
  ratio: 0.01,
  latency: 0.25,
  order: 0.2,
};

/** A growth below these was luck, so it is no standard. @type {Partial<Record<import('./run.js').Check['kind'], number>>} */
const LEAST = { growth: 1, order: 0 };

/** @param {string} suite */
const fileOf = (suite) => fileURLToPath(new URL(`../results/${suite}.json`, import.meta.url));

/** @param {string} suite @param {object} results */
export async function writeResults(suite, results) {
  const text = JSON.stringify(results, (_, value) => (typeof value === 'number' ? rounded(value) : value), 2);
  await writeFile(fileOf(suite), `${text}\n`);
}

/** @param {string} suite @returns {Promise<{ checks: Record<string, number> }>} */
export async function readResults(suite) {
  return JSON.parse(await readFile(fileOf(suite), 'utf8'));
}

/**
 * The figures that are worse than they were. Less is better for all of them.
 *
 * @param {Record<string, number>} committed
 * @param {readonly import('./run.js').Check[]} checks
 */
export function worseThan(committed, checks) {
  return checks.filter(({ name, kind, value }) => {
    const known = committed[name];
    if (known === undefined) return false;
    const before = Math.max(known, LEAST[kind] ?? Number.NEGATIVE_INFINITY);
    return !(value <= before * TOLERANCE || value - before <= FLOORS[kind]);
  });
}

/** @param {number} value */
export function rounded(value) {
  const size = Math.abs(value);
  if (size >= 0.1) return Number(value.toFixed(size >= 100 ? 0 : 3));
  return Number(value.toPrecision(2));
}
