import type { DynamicModule } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { SocketConfigurationError } from '../../ports/errors.js';
import { PROVIDER_OVERRIDE } from './socket-options.js';

/** The Nest token of the {@link ModuleOrigin}. Two copies of this package in one process have the same. */
export const MODULE_ORIGIN = Symbol.for('nestjs-switchboard.ModuleOrigin');

/** Where a `SocketModule` was made. It has the stack of that call, which is read only for an error. */
export interface ModuleOrigin {
  /** The method, like `SocketModule.forRoot()`. */
  readonly call: string;
  readonly stack?: string;
}

/** Called by the method that is called: the stack begins with that. */
export function originOf(call: string): ModuleOrigin {
  const origin = { call };
  Error.captureStackTrace(origin, originOf);
  return origin;
}

/**
 * Refuses a second `SocketModule` in one application: it would have members of its own, who would not hear what is relayed
 * through the first.
 *
 * @throws SocketConfigurationError that names the places of both
 */
export function requireOnlyModule(modules: ModulesContainer): void {
  const origins = [...modules.values()].flatMap(({ providers }): ModuleOrigin[] => {
    const origin = providers.get(MODULE_ORIGIN)?.instance as ModuleOrigin | undefined;
    return origin === undefined ? [] : [origin];
  });
  if (origins.length < 2) return;
  const places = origins.map((origin) => placeOf(origin, modules)).join(', and ');
  const isTest = [...modules.values()].some(({ providers }) => providers.has(PROVIDER_OVERRIDE));
  const inTests = ' Beside the application, a test imports the class SocketTestingModule, without forRoot().';
  throw new SocketConfigurationError([
    `SocketModule is in this application more than once: ${places}. Import it once, in the root module: it is global, so that every ` +
      `module can inject SocketService. A library injects SocketService, and leaves the import to the application.${isTest ? inTests : ''}`,
  ]);
}

/** The call, the modules that import its result, and its line in the source, as far as they are known. */
function placeOf(origin: ModuleOrigin, modules: ModulesContainer): string {
  const importers = [...modules.values()].filter(({ metatype }) => {
    const imports: unknown = Reflect.getMetadata('imports', metatype);
    return Array.isArray(imports) && imports.some((imported) => isMadeAt(origin, imported));
  });
  const names = importers.map(({ name }) => name).join(' and ');
  const [, caller] = origin.stack?.match(/^ +at .*$/gm) ?? [];
  const line = caller?.match(/\((.+)\)$/)?.[1] ?? caller?.replace(/^ +at (?:async )?/, '');
  return `${origin.call}${names === '' ? '' : ` in ${names}`}${line === undefined ? '' : ` (${line})`}`;
}

function isMadeAt(origin: ModuleOrigin, imported: unknown): boolean {
  const { providers } = Object(imported) as Partial<DynamicModule>;
  return providers?.some((provider) => 'useValue' in provider && provider.useValue === origin) === true;
}
