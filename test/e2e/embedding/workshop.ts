import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HOST_FILES } from './host-sources.js';
import { INSTRUMENT_FILES } from './instruments.js';
import { run } from './run.js';
import { whenSuiteEnds } from './teardown.js';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
/** The packages of every Nest application. */
const REQUIRED = ['@nestjs/common', '@nestjs/core', '@nestjs/platform-express', 'reflect-metadata', 'rxjs'];
/** The packages that only some providers need. */
export const OPTIONAL = ['bullmq', 'ioredis', 'pusher', 'ws'];
/** Optional too, and not even the application with everything needs them. */
const NEVER_INSTALLED = ['@nestjs/testing', 'pusher-js'];

/** The stranger's temporary folder: the packed package, and two applications that installed it. */
export interface Workshop {
  /** The paths of the files in the tarball. */
  readonly packed: readonly string[];
  /** The compiler's output, and how it ended. */
  readonly compilation: string;
  /** The folder of the application with the optional packages. */
  readonly full: string;
  /** The folder of the same application without any of them. */
  readonly bare: string;
  /** The folder of the instruments. */
  readonly instruments: string;
  /** A path that no file has yet. */
  newFile(name: string): string;
}

/**
 * Packs the package, installs it twice and compiles the application once, where none of the optional packages' types are.
 * The compiled files then serve both.
 */
export async function setUpWorkshop(): Promise<Workshop> {
  if (!existsSync(join(PROJECT, 'dist/index.js'))) {
    throw new Error('There is no dist to pack: run "npm run build" first ("npm test" does so by itself)');
  }
  const folder = await mkdtemp(join(tmpdir(), 'switchboard-embedding-'));
  whenSuiteEnds(() => rm(folder, { recursive: true, force: true }));
  const at = (name: string) => join(folder, name);

  const { tarball, packed } = await pack(folder);
  const [full, bare, instruments] = [at('full'), at('bare'), at('instruments')];
  await writeFiles(instruments, INSTRUMENT_FILES);
  const installations = [
    install(full, tarball, [...REQUIRED, ...OPTIONAL]),
    install(bare, tarball, REQUIRED),
  ];
  // When one fails, the other must not go on writing into a folder that is about to be removed.
  await Promise.allSettled(installations);
  await Promise.all(installations);
  await writeFiles(bare, HOST_FILES);
  const compilation = await compile(bare);
  await cp(join(bare, 'dist'), join(full, 'dist'), { recursive: true });

  let files = 0;
  return {
    packed,
    compilation,
    full,
    bare,
    instruments,
    newFile: (name) => at(`${String(++files)}-${name}`),
  };
}

/** The optional packages that are installed in an application's folder. */
export function optionalPackagesIn(folder: string): string[] {
  return [...OPTIONAL, ...NEVER_INSTALLED].filter((name) => existsSync(join(folder, 'node_modules', name)));
}

/** Asks npm whether an application has every dependency and every peer as wanted. Rejects with npm's list when not. */
export async function verifyDependencies(folder: string): Promise<void> {
  await run('npm', ['ls', '--all'], folder);
}

/** Puts the packed package into a folder. */
export async function pack(folder: string): Promise<{ tarball: string; packed: readonly string[] }> {
  // scripts/test.mjs packs once for all files of its part.
  const shared = process.env['SWITCHBOARD_PACKED'];
  const list =
    shared === undefined ? await npmPack(folder) : await readFile(join(shared, 'list.json'), 'utf8');
  const [packed] = JSON.parse(list) as readonly {
    filename: string;
    files: readonly { path: string }[];
  }[];
  if (packed === undefined) throw new Error(`npm pack named no tarball: ${list}`);
  if (shared !== undefined) await copyFile(join(shared, packed.filename), join(folder, packed.filename));
  return { tarball: packed.filename, packed: packed.files.map(({ path }) => path) };
}

async function npmPack(folder: string): Promise<string> {
  // The build has been made by now, and another one in the middle of other tests would pull dist away from under them.
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  return (await run('npm', args, PROJECT)).stdout;
}

async function install(folder: string, tarball: string, packages: readonly string[]): Promise<void> {
  const versions = await Promise.all(packages.map(async (name) => [name, await versionHere(name)] as const));
  const host = {
    name: 'host',
    private: true,
    type: 'module',
    dependencies: { 'nestjs-switchboard': `file:../${tarball}`, ...Object.fromEntries(versions) },
    devDependencies: { '@types/node': await versionHere('@types/node') },
  };
  await npmInstall(folder, host);
}

/** Writes a `package.json` and installs by it. Rejects when npm complains about peers. */
export async function npmInstall(folder: string, manifest: object): Promise<void> {
  await writeFiles(folder, { 'package.json': JSON.stringify(manifest, null, 2) });
  const args = ['install', '--include=dev', '--prefer-offline', '--no-audit', '--no-fund'];
  const { stderr } = await run('npm', args, folder);
  if (/ERESOLVE|peer/i.test(stderr)) throw new Error(`npm complains about peer dependencies:\n${stderr}`);
}

/** The version this project itself is tested with. It is in npm's cache, so the installation is quick. */
export async function versionHere(name: string): Promise<string> {
  const text = await readFile(join(PROJECT, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Compiles with the compiler of this project, and the host's own settings. */
export async function compile(folder: string): Promise<string> {
  try {
    const compiler = join(PROJECT, 'node_modules/typescript/bin/tsc');
    const { stdout } = await run(process.execPath, [compiler, '-p', '.'], folder);
    return stdout;
  } catch (error) {
    return String(error);
  }
}

/** Writes files below a folder. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}
