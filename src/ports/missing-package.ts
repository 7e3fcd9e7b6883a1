import { MissingPackageError, type PackageUser } from './errors.js';
import { unsupportedPackage } from './package-versions.js';

/**
 * Loads a part that needs optional packages.
 *
 * @param neededBy the name of the provider, cluster, delivery or option that needs them
 * @throws MissingPackageError when one of them is not installed, or in a version that the library does not work with
 */
export async function loadWith<T>(
  packages: readonly string[],
  kind: PackageUser,
  neededBy: string,
  load: () => T | Promise<T>,
): Promise<T> {
  const unsupported = unsupportedPackage(packages);
  if (unsupported) throw new MissingPackageError(neededBy, packages, {}, kind, unsupported);
  try {
    return await load();
  } catch (cause) {
    const isOneMissing = packages.some((name) => isAbout(cause, name));
    throw isOneMissing ? new MissingPackageError(neededBy, packages, { cause }, kind) : cause;
  }
}

function isAbout(cause: unknown, name: string): boolean {
  if (!(cause instanceof Error) || !('code' in cause)) return false;
  const isNotFound = cause.code === 'ERR_MODULE_NOT_FOUND' || cause.code === 'MODULE_NOT_FOUND';
  return isNotFound && cause.message.includes(`'${name}'`);
}
