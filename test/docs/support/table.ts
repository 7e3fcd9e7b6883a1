/** The rows of the table on a page that has this first heading, cell by cell, without backticks. */
export function tableIn(text: string, heading: string): string[][] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => cells(line)[0] === heading);
  expect(start).toBeGreaterThan(-1);
  const length = lines.slice(start).findIndex((line) => !line.startsWith('|'));
  return lines.slice(start + 2, start + length).map(cells);
}

function cells(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('`', ''));
}
