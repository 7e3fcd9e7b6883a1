import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readPage, ROOT } from './support/page.js';
import { tableIn } from './support/table.js';

const page = readPage('docs/architecture.md');

test('every file that the page names exists, in its text and in its diagram', () => {
  const [, diagram = ''] = /^```mermaid\n([\s\S]*?)^```$/m.exec(page) ?? [];
  const named = [...page.matchAll(/`((?:src|test)\/[^`]+|\.dependency-cruiser\.cjs)`/g)].map(
    ([, path = '']) => path,
  );
  const drawn = [...diagram.matchAll(/[\w/-]+\.ts/g)].map(([path]) => `src/${path}`);
  expect(named.length).toBeGreaterThan(60);
  expect(drawn.length).toBeGreaterThan(8);
  expect([...named, ...drawn].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
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

test('the folders may import what the import rules say', () => {
  const { forbidden } = createRequire(import.meta.url)(join(ROOT, '.dependency-cruiser.cjs')) as {
    forbidden: readonly { readonly name: string; readonly to: { readonly pathNot?: string } }[];
  };
  const rules = forbidden
    .filter(({ name }) => name.startsWith('layer-of-'))
    .map(({ name, to }) => {
      const folders = /\(([^)]*)\)/.exec(to.pathNot ?? '')?.[1]?.split('|') ?? [];
      return [name.replace('layer-of-', ''), folders.slice(1).join(', ') || '–'];
    });
  expect(rules.length).toBeGreaterThan(10);
  expect(tableIn(page, 'folder').map(([folder, , allowed]) => [folder, allowed])).toEqual(rules);
});
