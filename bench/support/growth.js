import { RedisServer } from './redis.js';

/**
 * A figure of which the growth is shown. A cost below `floor` counts as that much, because it is nothing but noise.
 *
 * @typedef {{ name: string, floor: number, isChecked?: boolean }} Figure
 *
 * @typedef {{ close: () => Promise<void> }} Closable
 *
 * What a growth scenario measures with: everything that it keeps is closed when it is over.
 *
 * @typedef {{ buildUrl: string, redis: RedisServer, keep: <T extends Closable>(started: T) => T }} Bench
 *
 * @typedef {{
 *   name: string,
 *   title: string,
 *   sizes: readonly number[],
 *   figures: readonly Figure[],
 *   start: (bench: Bench) => Promise<(size: number) => Promise<Record<string, number>>>,
 * }} Growth
 */

/** The fit leaves smaller sizes out, where constant costs hide what grows. */
const LEAST_SIZE = 10;
const QUICK_SIZES = 3;

/**
 * The order of growth: 0 for a cost that stays, 1 for one that grows with the size, 2 for its square. It is the slope of
 * the costs over the sizes, both as logarithms, fitted by least squares.
 *
 * @param {readonly { size: number, cost: number }[]} points
 */
export function orderOf(points) {
  const logs = points.map(({ size, cost }) => ({ x: Math.log(size), y: Math.log(cost) }));
  const mean = (/** @type {'x' | 'y'} */ axis) =>
    logs.reduce((sum, point) => sum + point[axis], 0) / logs.length;
  const [meanX, meanY] = [mean('x'), mean('y')];
  const covariance = logs.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0);
  const variance = logs.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  return covariance / variance;
}

/**
 * A scenario of the suite `growth`.
 *
 * @param {Growth} growth
 * @returns {import('./run.js').Scenario}
 */
export function growthScenario({ name, title, sizes, figures, start }) {
  return {
    suite: 'growth',
    name,
    title,
    run: async ({ buildUrl, isQuick }) => {
      /** @type {Closable[]} */
      const kept = [];
      const keep = (/** @type {any} */ started) => {
        kept.unshift(started);
        return started;
      };
      try {
        const redis = keep(await RedisServer.start());
        const measure = await start({ buildUrl, redis, keep });
        /** @type {{ size: number, costs: Record<string, number> }[]} */
        const measured = [];
        for (const size of isQuick ? sizes.slice(0, QUICK_SIZES) : sizes) {
          measured.push({ size, costs: await measure(size) });
        }
        return resultOf(name, figures, measured);
      } finally {
        for (const each of kept) await each.close();
      }
    },
  };
}

/**
 * @param {string} name
 * @param {readonly Figure[]} figures
 * @param {readonly { size: number, costs: Record<string, number> }[]} measured
 * @returns {import('./run.js').Result}
 */
function resultOf(name, figures, measured) {
  const orders = figures.map(({ name: figure, floor, isChecked = true }) => {
    const points = measured
      .filter(({ size }) => size >= LEAST_SIZE)
      .map(({ size, costs }) => ({ size, cost: Math.max(floor, costs[figure] ?? 0) }));
    return { figure, isChecked, order: orderOf(points) };
  });
  return {
    rows: [
      ...measured.map(({ size, costs }) => ({ label: String(size), values: costs })),
      { label: 'order', values: Object.fromEntries(orders.map(({ figure, order }) => [figure, order])) },
    ],
    checks: orders
      .filter(({ isChecked }) => isChecked)
      .map(({ figure, order }) => ({ name: `${name}: order of ${figure}`, kind: 'order', value: order })),
  };
}
