import { OURS } from './contenders.js';
import { median } from './statistics.js';

/**
 * The cost of each contender in each round, as a table and as checks: our cost as a ratio of theirs. A ratio is the median of the
 * rounds' ratios, because the measurements of one round are close to each other in time.
 *
 * @typedef {{ rows: import('./run.js').Row[], checks: import('./run.js').Check[] }} Comparison
 *
 * @param {string} what
 * @param {string} unit
 * @param {readonly { name: string }[]} contenders
 * @param {readonly (readonly number[])[]} rounds of each of them
 * @param {string} [ratios] the name of their column
 * @param {import('./run.js').Check['kind']} [kind] the kind of the checked figure
 * @returns {Comparison}
 */
export function compared(what, unit, contenders, rounds, ratios = 'ours/its', kind = 'ratio') {
  const ours = rounds[contenders.findIndex(({ name }) => name === OURS)] ?? [];
  const costs = contenders.map(({ name }, index) => {
    const its = rounds[index] ?? [];
    const ratio = median(ours.map((cost, round) => cost / /** @type {number} */ (its[round])));
    return { name, cost: median(its), ratio: name === OURS ? undefined : ratio };
  });
  return {
    rows: costs.map(({ name, cost, ratio }) => ({ label: name, values: { [unit]: cost, [ratios]: ratio } })),
    checks: costs.flatMap(({ name, ratio }) =>
      ratio === undefined ? [] : [{ name: `${what}: ${OURS} / ${name}`, kind, value: ratio }],
    ),
  };
}

/**
 * Several comparisons of the same contenders, as one table.
 *
 * @param {...{ rows: import('./run.js').Row[], checks?: import('./run.js').Check[] }} parts
 * @returns {Comparison}
 */
export const beside = (...parts) => ({
  rows: (parts[0]?.rows ?? []).map(({ label }, index) => ({
    label,
    values: Object.assign({}, ...parts.map(({ rows }) => rows[index]?.values)),
  })),
  checks: parts.flatMap(({ checks = [] }) => checks),
});
