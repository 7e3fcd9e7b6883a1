// Builds dist/: the package, and the reference backend beside it. `nest build` compiles everything to CommonJS. An entry's ES
// module only passes on what the CommonJS one exports, so that a process that loads both has one of everything. The browser's
// entry alone is a real ES module too: it keeps nothing for a process, and bundlers leave out what a page does not use.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
const require = createRequire(import.meta.url);
const { bundled, optional } = require('./packages.json');

rmSync(DIST, { recursive: true, force: true });
compile();
await bundlePackages(join(DIST, 'bundled'));
wrapPackages(join(DIST, 'optional'));
for (const entry of ['index', 'testing/index']) writeEsModule(entry);
await build({
  absWorkingDir: ROOT,
  entryPoints: ['src/browser/index.ts'],
  outfile: join(DIST, 'browser/index.mjs'),
  bundle: true,
  format: 'esm',
  // docs/browser.md names the browsers.
  target: 'es2020',
  sourcemap: true,
});

function compile() {
  const nest = [require.resolve('@nestjs/cli/bin/nest.js'), 'build'];
  const { status } = spawnSync(process.execPath, nest, { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

/**
 * Puts packages into dist/, one file for each: those that are ES modules only, which CommonJS Jest cannot load, and inversify, which
 * is 200 files in CommonJS. Their licenses come with them.
 */
async function bundlePackages(folder) {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(bundled.map((name) => [name, name])),
    outdir: folder,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    external: ['reflect-metadata'],
    legalComments: 'none',
    metafile: true,
  });
  const folders = new Set(
    Object.keys(metafile.inputs).map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path),
  );
  writeFileSync(join(folder, 'LICENSES.md'), [...folders].sort().map(licenseOf).join('\n'));
  requireFrom(folder, bundled);
}

/**
 * Requires each optional package in a file of its own, inside a `try`. That tells bundlers that it may be missing: they leave
 * the `require` as it is, which then fails where an application chooses a provider whose package it lacks.
 */
function wrapPackages(folder) {
  mkdirSync(folder);
  requireFrom(folder, optional);
  for (const name of optional) {
    const text = `try {\n  module.exports = require('${name}');\n} catch (error) {\n  throw error;\n}\n`;
    writeFileSync(join(folder, `${name}.js`), text);
  }
}

/** Makes the compiled files require the file of a package in a folder, in place of the package. */
function requireFrom(folder, names) {
  const required = new RegExp(`require\\(["'](${names.join('|')})["']\\)`, 'g');
  for (const file of scriptsIn(DIST)) {
    const text = readFileSync(file, 'utf8');
    const rewritten = text.replace(
      required,
      (_, name) => `require("${relative(dirname(file), join(folder, `${name}.js`))}")`,
    );
    if (rewritten !== text) writeFileSync(file, rewritten);
  }
}

function licenseOf(folder) {
  const { name, version } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
  const file = readdirSync(join(ROOT, folder)).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} has no license that could travel with it`);
  return `# ${name} ${version}\n\n${readFileSync(join(ROOT, folder, file), 'utf8').trim()}\n`;
}

/** The compiled files that the package has: the reference backend is run where everything is installed. */
function scriptsIn(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(
      (path) => path.endsWith('.js') && !/^(main|reference|bundled|optional)\b/.test(relative(folder, path)),
    );
}

function writeEsModule(entry) {
  const names = Object.keys(require(join(DIST, `${entry}.js`))).sort();
  const lines = names.map((name) => `  ${name},\n`).join('');
  writeFileSync(join(DIST, `${entry}.mjs`), `export {\n${lines}} from './index.js';\n`);
}
