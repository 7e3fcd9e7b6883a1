// Draws results/growth.json, with results/growth-before.json beside it, as docs/growth.svg: `node bench/growth-chart.js [file]`.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const COLUMNS = 3;
const [WIDTH, HEIGHT, MARGIN] = [250, 150, 12];
const [LEFT, TOP, BOTTOM, RIGHT] = [44, 34, 22, 14];
const TITLE_CHARACTERS = 42;
// Colors that are readable on black and on white.
const [TEXT, GRID, BEFORE, NOW] = ['#808892', '#80889244', '#8b98a8', '#2f81f7'];

/** @typedef {{ size: number, cost: number }} Point */
/** @typedef {{ title: string, before: Point[], now: Point[], order: number | undefined }} Panel */
/** @typedef {{ scenarios: Record<string, { rows: Record<string, Record<string, number>> }> }} Results */

const folder = new URL('results/', import.meta.url);
/** @param {string} name @returns {Promise<Results>} */
const read = async (name) => JSON.parse(await readFile(new URL(name, folder), 'utf8'));
const to = process.argv[2] ?? fileURLToPath(new URL('../docs/growth.svg', import.meta.url));

/** @param {string} text */
const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
/** @param {number} value */
const short = (value) => {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(2))} M`;
  return value >= 1e3 ? `${Number((value / 1e3).toPrecision(2))} k` : String(Number(value.toPrecision(2)));
};

/**
 * A figure by size. A cost of less than one is drawn as one, because nothing is to be seen of noise.
 *
 * @param {Results} results
 * @param {string} scenario
 * @param {string} figure
 * @returns {Point[]}
 */
function pointsOf(results, scenario, figure) {
  return Object.entries(results.scenarios[scenario]?.rows ?? {}).flatMap(([label, values]) => {
    const [size, cost] = [Number(label), values[figure]];
    return Number.isNaN(size) || cost === undefined ? [] : [{ size, cost: Math.max(1, cost) }];
  });
}

/** @param {Results} before @param {Results} now @returns {Panel[]} */
function panelsOf(before, now) {
  return Object.entries(now.scenarios).flatMap(([scenario, { rows }]) =>
    Object.entries(rows['order'] ?? {}).map(([figure, order]) => ({
      title: `${scenario}: ${figure}`,
      before: pointsOf(before, scenario, figure),
      now: pointsOf(now, scenario, figure),
      order,
    })),
  );
}

/** @param {Panel} panel @param {number} index */
function drawn({ title, before, now, order }, index) {
  const [x0, y0] = [(index % COLUMNS) * WIDTH + MARGIN, Math.floor(index / COLUMNS) * HEIGHT + MARGIN];
  const all = [...before, ...now];
  const log = Math.log10;
  const right = Math.max(1, ...all.map(({ size }) => log(size)));
  const top = Math.max(1, ...all.map(({ cost }) => log(cost)));
  const x = (/** @type {number} */ size) => x0 + LEFT + (log(size) / right) * (WIDTH - LEFT - RIGHT);
  const y = (/** @type {number} */ cost) =>
    y0 + HEIGHT - BOTTOM - (log(cost) / top) * (HEIGHT - TOP - BOTTOM);
  const line = (/** @type {Point[]} */ points, /** @type {string} */ color, /** @type {number} */ width) => {
    const path = points.map(({ size, cost }) => `${x(size).toFixed(1)},${y(cost).toFixed(1)}`).join(' ');
    return `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="${width}"/>`;
  };
  const decades = (/** @type {number} */ most) =>
    Array.from({ length: Math.floor(most) + 1 }, (_, n) => 10 ** n);
  const text = escaped(title.length > TITLE_CHARACTERS ? `${title.slice(0, TITLE_CHARACTERS)}…` : title);
  return [
    `<text x="${x0}" y="${y0 + 10}" font-weight="600">${text}</text>`,
    `<text x="${x0}" y="${y0 + 24}">order ${(order ?? 0).toFixed(2)}</text>`,
    ...decades(top).map((cost) => {
      const at = y(cost).toFixed(1);
      return `<line x1="${x0 + LEFT}" y1="${at}" x2="${x0 + WIDTH - RIGHT}" y2="${at}" stroke="${GRID}"/><text x="${x0 + LEFT - 6}" y="${Number(at) + 4}" text-anchor="end">${short(cost)}</text>`;
    }),
    ...decades(right).map(
      (size) =>
        `<text x="${x(size).toFixed(1)}" y="${y0 + HEIGHT - 8}" text-anchor="middle">${short(size)}</text>`,
    ),
    line(before, BEFORE, 1.5),
    line(now, NOW, 2),
  ].join('\n');
}

const panels = panelsOf(await read('growth-before.json'), await read('growth.json'));
const [width, height] = [
  COLUMNS * WIDTH + 2 * MARGIN,
  Math.ceil(panels.length / COLUMNS) * HEIGHT + 2 * MARGIN,
];
await writeFile(
  to,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="How costs grow with the size, before and now" font-family="system-ui, sans-serif" font-size="10" fill="${TEXT}">\n${panels.map(drawn).join('\n')}\n</svg>\n`,
);
