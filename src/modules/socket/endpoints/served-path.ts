import { RequestMethod } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';

/**
 * The path at which an application serves a route of this module: below its global prefix, unless that excludes the route. No
 * version is part of it.
 *
 * @param path the route's path without the prefix; it may begin and end with slashes
 */
export function servedPath(application: ApplicationConfig, path: string, method: RequestMethod): string {
  const route = absolutePath(path);
  const { exclude = [] } = application.getGlobalPrefixOptions();
  const isExcluded = exclude.some(
    ({ requestMethod, pathRegex }) =>
      (requestMethod === method || requestMethod === RequestMethod.ALL) && pathRegex.test(route),
  );
  return isExcluded ? route : absolutePath(application.getGlobalPrefix(), path);
}

/** Joins the parts of a path. The parts may begin and end with slashes. */
function absolutePath(...parts: readonly string[]): string {
  return parts
    .flatMap((part) => part.split('/'))
    .filter(Boolean)
    .map((part) => `/${part}`)
    .join('');
}
