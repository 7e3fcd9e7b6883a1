import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { promisify } from 'node:util';
import { jest } from '@jest/globals';
import { ROOT } from '../docs/support/page.js';
import { pack } from '../e2e/embedding/workshop.js';

const run = promisify(execFile);
const MINUTE = 60_000;
const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;
/** Pages of the documentation also name files of the repository, for whoever works on it. */
const IN_THE_REPOSITORY =
  /^(?:\.\.\/)(?:src|test|bench|scripts|CONTRIBUTING\.md|RELEASING\.md|\.env\.example)/;

let folder: string;
let tarball: string;
let installed: string;

jest.setTimeout(5 * MINUTE);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'switchboard-package-'));
  tarball = join(folder, (await pack(folder)).tarball);
  await run('tar', ['xzf', tarball, '-C', folder]);
  installed = join(folder, 'package');
  // Its dependencies are those of this project.
  const modules = join(folder, 'node_modules');
  await mkdir(modules);
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    if (!name.startsWith('.')) await symlink(join(ROOT, 'node_modules', name), join(modules, name));
  }
  await symlink(installed, join(modules, 'nestjs-switchboard'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('publint has nothing to say', async () => {
  const { stdout } = await run(join(ROOT, 'node_modules/.bin/publint'), [tarball, '--strict']);
  expect(stdout).toContain('All good!');
});

test('its types are right for every entry, under node10, node16 and bundler', async () => {
  const { stdout } = await run(join(ROOT, 'node_modules/.bin/attw'), [tarball]);
  expect(stdout).toContain('No problems found');
});

test('every relative link of the README leads to a file of the package, and so do the links of docs/ to other pages', async () => {
  const pages = [
    'README.md',
    'CHANGELOG.md',
    ...(await readdir(join(installed, 'docs'))).map((name) => `docs/${name}`),
  ];
  const broken: string[] = [];
  for (const page of pages.filter((name) => name.endsWith('.md'))) {
    const text = (await readFile(join(installed, page), 'utf8')).replace(/^(`{3,}).*\n[\s\S]*?^\1$/gm, '');
    for (const [, target = ''] of text.matchAll(LINK)) {
      if (/^(?:[a-z]+:|#)/.test(target)) continue;
      if (page.startsWith('docs/') && IN_THE_REPOSITORY.test(target)) continue;
      const [path = ''] = target.split('#');
      if (!existsSync(join(installed, normalize(join(dirname(page), path)))))
        broken.push(`${page}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
});

test('a process that imports and requires it has one of everything', async () => {
  const script = `
    import { createRequire } from 'node:module';
    const require = createRequire(import.meta.url);
    const differing = [];
    for (const entry of ['nestjs-switchboard', 'nestjs-switchboard/testing']) {
      const [imported, required] = [await import(entry), require(entry)];
      const names = Object.keys(imported).sort();
      if (names.join() !== Object.keys(required).sort().join()) differing.push(entry);
      differing.push(...names.filter((name) => imported[name] !== required[name]));
    }
    console.log(JSON.stringify(differing));
  `;
  await writeFile(join(folder, 'both.mjs'), script);
  const { stdout, stderr } = await run(process.execPath, ['both.mjs'], { cwd: folder });
  expect({ differing: JSON.parse(stdout) as unknown, warnings: stderr }).toEqual({
    differing: [],
    warnings: '',
  });
});
