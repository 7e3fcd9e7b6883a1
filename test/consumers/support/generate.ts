import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { ROOT } from '../../docs/support/page.js';
import { INSTRUMENT_FILES } from '../../e2e/embedding/instruments.js';
import { whenSuiteEnds } from '../../e2e/embedding/teardown.js';
import { pack, writeFiles } from '../../e2e/embedding/workshop.js';
import { Consumer, type Manifest } from './consumer.js';
import {
  BROWSER_EVENTS,
  endToEndTest,
  nodeTest,
  PUSHER,
  STRICT_TSCONFIG,
  TYPED,
  unitTest,
} from './sources.js';

/** A fresh machine loads everything from the registry. */
const SET_UP_MS = 600_000;

/** Without scripts: those of these packages only look again for what npm has installed already. */
const INSTALL = 'npm install --prefer-offline --ignore-scripts --no-audit --no-fund';

/** Packages of `nest new` that no test uses, and that take a third of the time that npm needs: linters, coverage, deployment. */
const UNUSED = /^(?:@?eslint|typescript-eslint|globals$|prettier|oxlint|@vitest\/coverage|@nestjs\/mau)/;

/** How a project is made. */
export interface Recipe {
  readonly name: string;
  /** The major version of the Nest CLI whose `new` generates it. */
  readonly nest: 11 | 12;
  readonly modules: 'cjs' | 'esm';
  /** The packages that the user adds, by version. */
  readonly adds: Readonly<Record<string, string>>;
  /** Changes that are made before anything is installed. */
  readonly edit?: (manifest: Manifest, project: Consumer) => Promise<void>;
  /** What the user writes, beside the files of every project. */
  readonly files?: Readonly<Record<string, string>>;
}

/**
 * A project for one file of tests, in an empty folder. Before the first of them: `nest new`, the installation of the packed
 * package, and `nest add`. It is gone after the last, which then tells the seconds of every step.
 */
export function useProject(recipe: Recipe): Consumer {
  jest.setTimeout(300_000);
  const folder = mkdtempSync(join(tmpdir(), 'switchboard-consumer-'));
  const instruments = join(folder, 'instruments');
  const project = new Consumer(recipe.name, join(folder, 'app'), instruments);
  beforeAll(async () => {
    whenSuiteEnds(() => rm(folder, { recursive: true, force: true }));
    whenSuiteEnds(() => {
      process.stderr.write(`\n${project.table()}\n`);
    });
    await writeFiles(instruments, INSTRUMENT_FILES);
    await generate(recipe, folder, project);
    await project.write({ ...sourcesFor(recipe.modules), ...recipe.files });
  }, SET_UP_MS);
  return project;
}

async function generate({ nest, adds, edit }: Recipe, folder: string, project: Consumer): Promise<void> {
  const { tarball } = await pack(folder);
  // That of Nest 12 is installed here already.
  const cli =
    nest === 12
      ? `${process.execPath} ${ROOT}node_modules/@nestjs/cli/bin/nest.js`
      : `npx --yes --prefer-offline @nestjs/cli@${String(nest)}`;
  await new Consumer(project.name, folder, project.instruments, project.steps).run(
    'nest new',
    `${cli} new app --skip-install --skip-git -p npm`,
  );
  const manifest = JSON.parse(await project.read('package.json')) as Manifest;
  Object.assign(manifest.dependencies, { 'nestjs-switchboard': `file:../${tarball}` }, adds);
  for (const name of Object.keys(manifest.devDependencies))
    if (UNUSED.test(name)) Reflect.deleteProperty(manifest.devDependencies, name);
  await edit?.(manifest, project);
  await project.write({ 'package.json': JSON.stringify(manifest, null, 2) });
  const told = await project.run('npm install', INSTALL);
  if (/ERESOLVE|conflicting peer/i.test(told))
    throw new Error(`npm complains about peer dependencies:\n${told}`);
  // The package is there already, and so is everything else that it would install.
  await project.run('nest add', 'nest add nestjs-switchboard --skip-install --provider ws');
}

/** The tests that the user writes in every project. */
function sourcesFor(modules: Recipe['modules']): Record<string, string> {
  const suffix = modules === 'esm' ? '.js' : '';
  return {
    'tsconfig.strict.json': STRICT_TSCONFIG,
    'src/browser-events.ts': BROWSER_EVENTS,
    'src/greeting.spec.ts': unitTest(suffix, TYPED.globals),
    'src/greeting.node.ts': nodeTest(suffix),
    'test/greeting.e2e-spec.ts': endToEndTest(suffix, PUSHER[modules]),
  };
}
