import { existsSync, rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Copies the built package, so that all processes of one run measure the same build, even if somebody builds meanwhile. The copy
 * is beneath `node_modules`, where it finds its packages and no tool reads it. It is removed when this process ends.
 *
 * @returns {Promise<string>} the URL of its entry
 */
export async function copyBuild() {
  const built = join(ROOT, 'dist');
  if (!existsSync(join(built, 'index.js'))) throw new Error('There is no dist/: run "npm run build" first.');
  const cache = join(ROOT, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'switchboard-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await cp(built, join(folder, 'dist'), { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'commonjs' }));
  return pathToFileURL(join(folder, 'dist', 'index.js')).href;
}
