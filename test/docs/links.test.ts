import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { PAGES, readPage, ROOT } from './support/page.js';

const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;

test.each([...PAGES, 'CHANGELOG.md'])('every relative link of %s leads somewhere', (page) => {
  const broken = [...withoutCode(readPage(page)).matchAll(LINK)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : normalize(join(dirname(page), path));
      if (!existsSync(join(ROOT, file))) return true;
      return anchor !== undefined && !anchorsOf(file).includes(anchor);
    });
  expect(broken).toEqual([]);
});

test.each([...PAGES, 'CHANGELOG.md'])('every file of src or test that %s names is there', (page) => {
  const missing = [...withoutCode(readPage(page)).matchAll(/`((?:src|test)\/[\w./-]+)`/g)]
    .map(([, path = '']) => path)
    .filter((path) => !existsSync(join(ROOT, path)));
  expect(missing).toEqual([]);
});

test('every test that the page on the protocol names is there', () => {
  const names = readPage('docs/protocol.md')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .flatMap((line) => [...(line.split('|').at(-2) ?? '').matchAll(/`([\w/-]+)`/g)])
    .map(([, name = '']) => `test/${name}`);
  expect(names.length).toBeGreaterThan(100);
  const missing = names.filter(
    (name) => ![name, `${name}.test.ts`].some((path) => existsSync(join(ROOT, path))),
  );
  expect(missing).toEqual([]);
});

test('the index names every page of docs', () => {
  const index = readPage('docs/README.md');
  for (const page of PAGES.filter((name) => name.startsWith('docs/') && name !== 'docs/README.md')) {
    expect(index).toContain(`](${page.replace('docs/', '')})`);
  }
});

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(file: string): string[] {
  return [...withoutCode(readPage(file)).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

function withoutCode(text: string): string {
  return text.replace(/^(`{3,}).*\n[\s\S]*?^\1$/gm, '');
}
