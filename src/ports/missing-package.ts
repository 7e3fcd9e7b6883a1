import { MissingPackageError } from './errors.js';

/**
 * Turns the failure of an import into a `MissingPackageError` when one of these optional packages is not installed. Any other
 * failure is returned unchanged.
 *
 * @param neededBy the name of the provider, cluster, delivery or option that needs them
 * @param kind @default 'provider'
 * @returns the error to throw
 */
export function missingPackage(
  neededBy: string,
  packages: readonly string[],
  cause: unknown,
  kind?: 'provider' | 'cluster' | 'delivery' | 'option',
): unknown {
  const isOneMissing = packages.some((name) => isAbout(cause, name));
  return isOneMissing ? new MissingPackageError(neededBy, packages, { cause }, kind) : cause;
}

function isAbout(cause: unknown, name: string): boolean {
  if (!(cause instanceof Error) || !('code' in cause)) return false;
  const isNotFound = cause.code === 'ERR_MODULE_NOT_FOUND' || cause.code === 'MODULE_NOT_FOUND';
  return isNotFound && cause.message.includes(`'${name}'`);
}
