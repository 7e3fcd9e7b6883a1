import type { SocketAdapter } from '../adapters/adapter.js';
import type { BuiltInSections } from '../adapters/index.js';
import { coreSettings, type CoreSections } from '../settings/core.js';
import { providersAmong } from './known-adapters.js';

/**
 * Every section of the configuration, in the order of the documentation: those of no adapter, and then the adapters'.
 *
 * @param adapters from `knownAdapters`: the built-in ones are among them, and no two have a section of the same name
 */
export function allSections(adapters: readonly SocketAdapter[]): CoreSections & BuiltInSections {
  const ofAdapters = adapters.flatMap(({ settings = {} }) => Object.entries(settings));
  return {
    ...coreSettings(providersAmong(adapters)),
    // The built-in adapters' are among them.
    ...(Object.fromEntries(ofAdapters) as unknown as BuiltInSections),
  };
}
