import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readPage, ROOT } from './support/page.js';

const PAGE = 'docs/security.md';
const TEST = /\[[^\]]+\]\(([^)]+\.test\.ts)\) “([^”]+)”/g;

/** The lines of the table of threats: what each says, and the tests that it names. */
const THREATS = readPage(PAGE)
  .split('\n## Threats\n')[1]
  ?.split('\n#')[0]
  ?.split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(2)
  .map((line) => {
    const [threat = '', against = '', tests = ''] = line
      .split(' | ')
      .map((cell) => cell.replace(/^\|/, '').trim());
    return {
      threat,
      against,
      tests: [...tests.matchAll(TEST)].map(([, path = '', title = '']) => ({ path, title })),
    };
  });

test('every threat has something that stands against it, and a test', () => {
  expect(THREATS?.length).toBeGreaterThan(40);
  expect(THREATS?.filter(({ against, tests }) => against === '' || tests.length === 0)).toEqual([]);
  expect(new Set(THREATS?.map(({ threat }) => threat)).size).toBe(THREATS?.length);
});

test('every test that is named is there, under that title', () => {
  const missing = (THREATS ?? [])
    .flatMap(({ tests }) => tests)
    .filter(({ path, title }) => {
      const source = readFileSync(join(ROOT, dirname(PAGE), path), 'utf8');
      return !["'", '"', '`'].some((quote) => source.includes(`${quote}${title}${quote}`));
    });
  expect(missing).toEqual([]);
});

test('every test of test/security is named, so that none is there without a threat', () => {
  const named = new Set((THREATS ?? []).flatMap(({ tests }) => tests.map(({ path }) => path)));
  for (const file of [
    'signatures',
    'cross-site',
    'secrets',
    'json',
    'exhaustion',
    'http-targets',
    'webhook-targets',
    'messages',
    'history',
  ])
    expect(named).toContain(`../test/security/${file}.test.ts`);
});
