// Builds dist/: the package, and the reference backend beside it. `nest build` compiles everything to CommonJS. An entry's ES
// module only passes on what the CommonJS one exports, so that a process that loads both has one of everything. The browser's
// entry alone is a real ES module too: it keeps nothing for a process, and bundlers leave out what a page does not use.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const require = createRequire(import.meta.url);

rmSync(DIST, { recursive: true, force: true });
const nest = [require.resolve('@nestjs/cli/bin/nest.js'), 'build'];
const { status } = spawnSync(process.execPath, nest, { cwd: ROOT, stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

for (const entry of ['index', 'testing/index']) {
  const names = Object.keys(require(`${DIST}${entry}.js`)).sort();
  writeFileSync(
    `${DIST}${entry}.mjs`,
    `export {\n${names.map((name) => `  ${name},\n`).join('')}} from './index.js';\n`,
  );
}

await build({
  absWorkingDir: ROOT,
  entryPoints: ['src/browser/index.ts'],
  outfile: 'dist/browser/index.mjs',
  bundle: true,
  format: 'esm',
  target: 'es2022',
  sourcemap: true,
});
