/**
 * A number with its significant digits.
 *
 * @param {number | undefined} value
 */
function text(value) {
  if (value === undefined) return '–';
  if (Number.isInteger(value) || Math.abs(value) >= 100) return String(Math.round(value));
  if (Math.abs(value) < 0.1) return value.toFixed(3);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

/**
 * Rows as aligned text. A row without a value has a dash there.
 *
 * @param {readonly import('./run.js').Row[]} rows
 */
export function tableOf(rows) {
  const columns = [...new Set(rows.flatMap(({ values }) => Object.keys(values)))];
  const cells = [
    ['', ...columns],
    ...rows.map(({ label, values }) => [label, ...columns.map((column) => text(values[column]))]),
  ];
  const widths = cells[0]?.map((_, at) => Math.max(...cells.map((line) => line[at]?.length ?? 0))) ?? [];
  return cells
    .map((line) =>
      line
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
        .join('  '),
    )
    .join('\n');
}
