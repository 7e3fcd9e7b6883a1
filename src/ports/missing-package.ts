import { MissingPackageError } from './errors.js';

/**
 * Turns the failure of an import into words, when it is one of these optional packages that is missing; any other failure
 * is handed back as it is.
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
