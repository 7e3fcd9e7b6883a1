import { MissingPackageError } from '../ports/errors.js';

/**
 * Turns the failure of an import into words, when it is one of these optional packages that is missing; any other failure
 * is handed back as it is.
 */
export function missingPackage(provider: string, packages: readonly string[], cause: unknown): unknown {
  const isOneMissing = packages.some((name) => isAbout(cause, name));
  return isOneMissing ? new MissingPackageError(provider, packages, { cause }) : cause;
}

function isAbout(cause: unknown, name: string): boolean {
  if (!(cause instanceof Error) || !('code' in cause)) return false;
  const isNotFound = cause.code === 'ERR_MODULE_NOT_FOUND' || cause.code === 'MODULE_NOT_FOUND';
  return isNotFound && cause.message.includes(`'${name}'`);
}
