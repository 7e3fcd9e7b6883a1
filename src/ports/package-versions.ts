import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The versions of the optional packages that the library works with: the oldest one of each major version. */
export const SUPPORTED_VERSIONS: Readonly<Record<string, readonly string[]>> = {
  bullmq: ['5.55', '6.0'],
  ioredis: ['5.0', '6.0'],
  'prom-client': ['14.0', '15.0'],
  pusher: ['5.0'],
  'socket.io': ['4.8'],
  ws: ['8.7'],
};

/** An installed package that the library does not work with. */
export interface UnsupportedPackage {
  readonly name: string;
  readonly installed: string;
  /** The supported versions, as npm writes them. */
  readonly supported: string;
}

/**
 * Finds the first of these packages that is installed in a version that the library does not work with. A package without a
 * readable version, as in a bundle, is taken as it is.
 */
export function unsupportedPackage(packages: readonly string[]): UnsupportedPackage | undefined {
  for (const name of packages) {
    const supported = SUPPORTED_VERSIONS[name] ?? [];
    const installed = supported.length > 0 ? installedVersion(name) : undefined;
    if (installed === undefined || supported.some((oldest) => isWithin(installed, oldest))) continue;
    return { name, installed, supported: supported.map((oldest) => `^${oldest}.0`).join(' || ') };
  }
  return undefined;
}

/** Whether a version has the major version of another one, and is not older. */
function isWithin(version: string, oldest: string): boolean {
  const [major, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor = 0] = oldest.split('.').map(Number);
  return major === oldestMajor && minor >= oldestMinor;
}

function installedVersion(name: string): string | undefined {
  try {
    const file = createRequire(__filename).resolve(`${name}/package.json`);
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version?: unknown };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}
