import type { Tree } from '@angular-devkit/schematics';
import type { NestAddOptions } from './options.js';

/** The part of a package.json that is read. */
interface Manifest {
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const MANIFEST = 'package.json';
/** The versions that the package works with. Its own peer ranges are wider, so that it is never in the way of another package. */
const RANGES = { ws: '^8.0.0', pusher: '^5.0.0', 'pusher-js': '^8.4.0' } as const;

/** Whether the application reads `.env` without a module of Nest's: by a package, or by a flag of its scripts. */
export function readsEnvFile(tree: Tree): boolean {
  const manifest = manifestOf(tree);
  return (
    has(manifest, 'dotenv') ||
    Object.values(manifest.scripts ?? {}).some((script) => script.includes('--env-file'))
  );
}

/**
 * Writes the packages that are missing into `package.json`.
 *
 * @param wanted which are needed besides the provider's
 * @returns whether there is something to install
 */
export function addPackages(
  tree: Tree,
  provider: NestAddOptions['provider'],
  wanted: { readonly config: boolean; readonly example: boolean },
): boolean {
  const manifest = manifestOf(tree);
  const missing = (versions: Record<string, string>) =>
    Object.fromEntries(Object.entries(versions).filter(([name]) => !has(manifest, name)));
  const dependencies = missing({
    [provider]: RANGES[provider],
    ...(wanted.config && { '@nestjs/config': rangeOfConfig(manifest) }),
  });
  // The example's page loads it, and so do tests with a real client. Not this backend needs it, but the front-end.
  const devDependencies = missing(wanted.example ? { 'pusher-js': RANGES['pusher-js'] } : {});
  if (Object.keys({ ...dependencies, ...devDependencies }).length === 0) return false;
  const renewed = {
    ...manifest,
    dependencies: sorted({ ...manifest.dependencies, ...dependencies }),
    devDependencies: sorted({ ...manifest.devDependencies, ...devDependencies }),
  };
  tree.overwrite(MANIFEST, JSON.stringify(renewed, null, 2) + '\n');
  return true;
}

function manifestOf(tree: Tree): Manifest {
  if (!tree.exists(MANIFEST))
    throw new Error(`There is no ${MANIFEST} here. Call it in the project's folder.`);
  return tree.readJson(MANIFEST) as Manifest;
}

function has({ dependencies, devDependencies }: Manifest, name: string): boolean {
  return name in { ...dependencies, ...devDependencies };
}

/** Version 4 is for Nest 11; from 12 on it has the version of Nest. */
function rangeOfConfig({ dependencies }: Manifest): string {
  const major = Number(/\d+/.exec(dependencies?.['@nestjs/core'] ?? '')?.[0] ?? 12);
  return major < 12 ? '^4.0.0' : `^${major}.0.0`;
}

function sorted(packages: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
}
