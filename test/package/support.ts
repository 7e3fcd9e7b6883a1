import { mkdir, mkdtemp, readdir, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../docs/support/page.js';
import { run } from '../e2e/embedding/run.js';
import { whenSuiteEnds } from '../e2e/embedding/teardown.js';
import { pack } from '../e2e/embedding/workshop.js';

/** The packed package in a temporary folder, which is gone when the suite ends. */
export interface Unpacked {
  /** Its `node_modules` has the package, and beside it what this project has installed. */
  readonly folder: string;
  readonly tarball: string;
  /** The folder of the package itself. */
  readonly installed: string;
}

/** Packs the package, and puts it beside the dependencies of this project. That takes a second, an installation takes many. */
export async function unpack(): Promise<Unpacked> {
  const folder = await mkdtemp(join(tmpdir(), 'switchboard-package-'));
  whenSuiteEnds(() => rm(folder, { recursive: true, force: true }));
  const tarball = join(folder, (await pack(folder)).tarball);
  await run('tar', ['xzf', tarball, '-C', folder], folder);
  const modules = join(folder, 'node_modules');
  await mkdir(modules);
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    if (!name.startsWith('.')) await symlink(join(ROOT, 'node_modules', name), join(modules, name));
  }
  const installed = join(modules, 'nestjs-switchboard');
  await rename(join(folder, 'package'), installed);
  return { folder, tarball, installed };
}
