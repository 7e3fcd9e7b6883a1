import { fileURLToPath } from 'node:url';
import { installedSize } from '../scripts/installed-size.mjs';
import { readPage } from './docs/support/page.js';

// The packages and the size of an installation grow only where somebody writes it into docs/performance.md.

const PAGE = 'docs/performance.md';
const HOW_TO_RENEW = `For the table of "Runtime dependencies" in ${PAGE}: node scripts/installed-size.mjs`;
/** A change of usual size needs no new table. */
const TOLERANCE = 0.05;
const KIB = 1024;

interface Row {
  readonly name: string;
  readonly brings: readonly string[];
  readonly kib: number;
}

const { own, dependencies } = installedSize(fileURLToPath(new URL('..', import.meta.url)));
const rows = listed();

test('the page on performance lists every package that is installed, and no other', () => {
  const installed = dependencies.map(({ name, brings }) => ({ name, brings }));
  expect(rows.slice(1, -1).map(({ name, brings }) => ({ name, brings }))).toEqual(installed);
});

test('the page on performance says how many packages that is', () => {
  const count = dependencies.reduce((sum, { brings }) => sum + 1 + brings.length, 0);
  expect(readPage(PAGE)).toMatch(new RegExp(`^\\| together +\\| ${count} packages +\\|`, 'm'));
});

test.each([
  { what: 'the package itself', bytes: own, row: rows[0] },
  ...dependencies.map(({ name, bytes }, index) => ({ what: name, bytes, row: rows[index + 1] })),
  {
    what: 'everything together',
    bytes: dependencies.reduce((sum, { bytes }) => sum + bytes, own),
    row: rows.at(-1),
  },
])('$what is as large as the page on performance says', ({ what, bytes, row }) => {
  const [found, stated] = [bytes / KIB, row?.kib ?? 0];
  if (Math.abs(found - stated) <= Math.max(1, stated * TOLERANCE)) return;
  throw new Error(`${what} has ${Math.round(found)} KiB, not ${stated}. ${HOW_TO_RENEW}`);
});

/** The rows of the page's table. */
function listed(): Row[] {
  const [, section = ''] = readPage(PAGE).split('## Runtime dependencies\n');
  return (
    section
      .split('\n## ')[0]
      ?.split('\n')
      .filter((line) => line.startsWith('|'))
      .slice(2)
      .map((line): Row => {
        const [name = '', brings = '', kib = ''] = line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim());
        return {
          name: name.replaceAll('`', ''),
          brings: namesIn(brings),
          kib: Number(kib.replaceAll(',', '')),
        };
      }) ?? []
  );
}

function namesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}
