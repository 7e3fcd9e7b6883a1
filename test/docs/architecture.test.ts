import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readPage, ROOT } from './support/page.js';

const page = readPage('docs/architecture.md');

test('every file and folder that the page on architecture names exists', () => {
  const paths = [...page.matchAll(/`((?:src|test)\/[^`]+|\.dependency-cruiser\.cjs)`/g)].map(
    ([, path = '']) => path,
  );
  expect(paths.length).toBeGreaterThan(60);
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('every file that its diagram names exists', () => {
  const [, diagram = ''] = /^```mermaid\n([\s\S]*?)^```$/m.exec(page) ?? [];
  const paths = [...diagram.matchAll(/[\w/-]+\.ts/g)].map(([path]) => `src/${path}`);
  expect(paths.length).toBeGreaterThan(8);
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('the ways of a relay have as many files as their headings say', () => {
  const ways = page.split(/^### /m).filter((section) => /^.*: \d+ files/.test(section));
  expect(ways).toHaveLength(3);
  for (const way of ways) {
    const files = [...way.matchAll(/^\d+\. `src\/[\w/-]+\.ts`/gm)].map(([line]) => line);
    expect([/: (\d+) files/.exec(way)?.[1], new Set(files).size]).toEqual([
      String(files.length),
      files.length,
    ]);
  }
});
