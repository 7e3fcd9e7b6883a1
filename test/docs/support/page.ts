import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

// How a page's code becomes files:
// - A ```ts block whose first line is a comment with a path is that file; the page's other blocks may import it. Any
//   other block is a file of its own.
// - What a page imports and does not show lies in fixtures/<page>/.
// - A block is run by the page's test, or has `<!-- compiled, not run -->` on the line before it, which readers do not see.

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Every page with code, as a path below the project. */
export const PAGES: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** One ```ts block. */
export interface Block {
  readonly file: string;
  readonly text: string;
  /** Where its first line is in the page. */
  readonly line: number;
  readonly isRun: boolean;
}

const FENCE = /^(<!-- compiled, not run -->\n\n?)?```ts\n([\s\S]*?)^```$/gm;

/** The blocks of a page. */
export function blocksOf(page: string): Block[] {
  const text = readPage(page);
  return [...text.matchAll(FENCE)].map((match, index) => {
    const [all, mark, code = ''] = match;
    const codeAt = match.index + all.indexOf('```ts\n') + '```ts\n'.length;
    return {
      file: /^\/\/ (\S+\.ts)\n/.exec(code)?.[1] ?? `block-${String(index + 1)}.ts`,
      text: code,
      line: text.slice(0, codeAt).split('\n').length,
      isRun: mark === undefined,
    };
  });
}

/** The block of a page in any language that begins with these words. */
export function blockThatBegins(page: string, language: string, start: string): string {
  const texts = [...readPage(page).matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))];
  const found = texts.map(([, text = '']) => text).find((text) => text.startsWith(start));
  if (found === undefined) throw new Error(`${page} has no such block in ${language}: ${start}`);
  return found;
}

export function readPage(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** A page's blocks, written as the files of a small project in a temporary directory. */
export interface ExtractedPage {
  readonly directory: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  /** Imports a block, and so runs it. */
  run<T = Record<string, unknown>>(file: string): Promise<T>;
  /** Runs a block that is JavaScript too in a process of its own, and resolves with what it prints. */
  runApart(file: string, env: Readonly<Record<string, string>>): Promise<string>;
  /** The blocks that should have been run by now, and were not. */
  readonly notRun: readonly string[];
  remove(): void;
}

export function extract(page: string): ExtractedPage {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'switchboard-docs-')));
  const blocks = blocksOf(page);
  const hasRun = new Set<string>();
  write(directory, 'package.json', '{ "type": "module" }');
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  const fixtures = join(ROOT, 'test/docs/fixtures', basename(page, '.md').toLowerCase());
  if (existsSync(fixtures)) cpSync(fixtures, directory, { recursive: true });
  for (const { file, text } of blocks) write(directory, file, text);
  // Blocks that stand for files of this very project find the rest of it around them.
  for (const top of ['src', 'test'])
    if (existsSync(join(directory, top))) linkTheRest(join(ROOT, top), join(directory, top));
  return {
    directory,
    text: readPage(page),
    blocks,
    run: async <T>(file: string) => {
      hasRun.add(file);
      return (await import(join(directory, file))) as T;
    },
    runApart: async (file, env) => {
      hasRun.add(file);
      const script = file.replace(/\.ts$/, '.mjs');
      cpSync(join(directory, file), join(directory, script));
      const { stdout } = await promisify(execFile)(process.execPath, [script], {
        cwd: directory,
        env: { PATH: process.env['PATH'], ...env },
        timeout: 20_000,
      });
      return stdout;
    },
    get notRun() {
      return blocks.filter(({ file, isRun }) => isRun && !hasRun.has(file)).map(({ file }) => file);
    },
    remove: () => {
      rmSync(directory, { recursive: true });
    },
  };
}

/** Extracts a page for one test file: removes it at the end, and insists that every block without the mark was run. */
export function usePage(page: string): ExtractedPage {
  const extracted = extract(page);
  afterAll(() => {
    extracted.remove();
    expect(extracted.notRun).toEqual([]);
  });
  return extracted;
}

function write(directory: string, file: string, text: string): void {
  const path = join(directory, file);
  if (!path.startsWith(directory + sep)) throw new Error(`"${file}" is outside the page`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function linkTheRest(original: string, overlay: string): void {
  for (const entry of readdirSync(original, { withFileTypes: true })) {
    const [from, to] = [join(original, entry.name), join(overlay, entry.name)];
    if (!existsSync(to)) symlinkSync(from, to);
    else if (entry.isDirectory()) linkTheRest(from, to);
  }
}
