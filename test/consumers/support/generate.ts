import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { INSTRUMENT_FILES } from '../../e2e/embedding/instruments.js';
import { whenSuiteEnds } from '../../e2e/embedding/teardown.js';
import { pack, writeFiles } from '../../e2e/embedding/workshop.js';
import { Consumer, type Manifest } from './consumer.js';

/** Without scripts: those of these packages only look again for what npm has installed already. */
const INSTALL = 'npm install --prefer-offline --ignore-scripts --no-audit --no-fund';

/** How a project is made. */
export interface Recipe {
  readonly name: string;
  /** The major version of the Nest CLI whose `new` generates it. */
  readonly nest: 11 | 12;
  /** The packages that the user adds, by version. */
  readonly adds: Readonly<Record<string, string>>;
  /** Changes that are made before anything is installed. */
  readonly edit?: (manifest: Manifest, project: Consumer) => Promise<void>;
}

/**
 * `nest new`, the installation of the packed package, and `nest add`, in an empty folder. It is gone when the suite ends, which
 * then tells the seconds of every step.
 */
export async function generate({ name, nest, adds, edit }: Recipe): Promise<Consumer> {
  const folder = await mkdtemp(join(tmpdir(), 'switchboard-consumer-'));
  whenSuiteEnds(() => rm(folder, { recursive: true, force: true }));
  const instruments = join(folder, 'instruments');
  await writeFiles(instruments, INSTRUMENT_FILES);
  const { tarball } = await pack(folder);
  const cli = new Consumer(name, folder, instruments);
  await cli.run(
    'nest new',
    `npx --yes --prefer-offline @nestjs/cli@${nest} new app --skip-install --skip-git -p npm`,
  );
  const project = new Consumer(name, join(folder, 'app'), instruments, cli.steps);
  whenSuiteEnds(() => {
    process.stderr.write(`\n${project.table()}\n`);
  });
  const manifest = JSON.parse(await project.read('package.json')) as Manifest;
  Object.assign(manifest.dependencies, { 'nestjs-switchboard': `file:../${tarball}` }, adds);
  await edit?.(manifest, project);
  await project.write({ 'package.json': JSON.stringify(manifest, null, 2) });
  const told = await project.run('npm install', INSTALL);
  if (/ERESOLVE|conflicting peer/i.test(told))
    throw new Error(`npm complains about peer dependencies:\n${told}`);
  // The package is there already, and so is everything else that it would install.
  await project.run('nest add', 'npx nest add nestjs-switchboard --skip-install --provider ws');
  return project;
}
