// Draws results/speed.json as docs/performance.svg, or as another file: `node bench/chart.js [file]`.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { OURS } from './support/contenders.js';

const WIDTH = 760;
const LABELS = 96;
const VALUES = 150;
const BAR = 14;
const GAP = 4;
const TITLE = 22;
const SPACE = 18;
const MARGIN = 12;
// Colors that are readable on black and on white.
const TEXT = '#808892';
const BAR_COLOR = '#8b98a8';
const OUR_COLOR = '#2f81f7';

const from = fileURLToPath(new URL('results/speed.json', import.meta.url));
const to = process.argv[2] ?? fileURLToPath(new URL('../docs/performance.svg', import.meta.url));

/** @typedef {{ title: string, unit: string, bars: { label: string, value: number }[] }} Group */

/** @param {string} text */
const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

/**
 * The scenarios with more than one server to compare, each with its first figure.
 *
 * @param {Record<string, { title: string, rows: Record<string, Record<string, number>> }>} scenarios
 * @returns {Group[]}
 */
function groupsOf(scenarios) {
  return Object.values(scenarios)
    .filter(({ rows }) => rows[OURS] !== undefined)
    .map(({ title, rows }) => {
      const [unit = ''] = Object.keys(rows[OURS] ?? {});
      const bars = Object.entries(rows).map(([label, values]) => ({ label, value: values[unit] ?? 0 }));
      return { title, unit, bars };
    });
}

/** @param {number} value */
const digits = (value) =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/**
 * @param {Group} group
 * @param {number} top
 */
function drawn({ title, unit, bars }, top) {
  const most = Math.max(...bars.map(({ value }) => value));
  const lines = bars.map(({ label, value }, index) => {
    const y = top + TITLE + index * (BAR + GAP);
    const width = Math.max(1, (value / most) * (WIDTH - LABELS - VALUES - 2 * MARGIN));
    const x = MARGIN + LABELS;
    const isOurs = label === OURS;
    return [
      `<text x="${x - 8}" y="${y + BAR - 3}" text-anchor="end"${isOurs ? ' font-weight="600"' : ''}>${escaped(label)}</text>`,
      `<rect x="${x}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2" fill="${isOurs ? OUR_COLOR : BAR_COLOR}"/>`,
      `<text x="${(x + width + 6).toFixed(1)}" y="${y + BAR - 3}">${digits(value)} ${escaped(unit)}</text>`,
    ].join('\n');
  });
  return [`<text x="${MARGIN}" y="${top + 12}" font-weight="600">${escaped(title)}</text>`, ...lines].join(
    '\n',
  );
}

const { scenarios } = JSON.parse(await readFile(from, 'utf8'));
let top = MARGIN;
const parts = [];
for (const group of groupsOf(scenarios)) {
  parts.push(drawn(group, top));
  top += TITLE + group.bars.length * (BAR + GAP) + SPACE;
}
await writeFile(
  to,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" role="img" aria-label="What Switchboard costs, and its peers" font-family="system-ui, sans-serif" font-size="12" fill="${TEXT}">\n${parts.join('\n')}\n</svg>\n`,
);
