import { checkObject } from '../ports/arguments.js';
import type { Section, SettingsOf } from '../settings/setting.js';
import type { SocketAdapter } from './adapter.js';

/**
 * Gives an adapter its settings in code. They win over the environment.
 *
 * ```ts
 * SocketModule.forRoot({ adapters: [withSettings(acmeAdapter, { acme: { timeoutMs: 500 } })] })
 * ```
 *
 * @returns a copy of the adapter with these settings
 * @throws SocketUsageError `INVALID_ARGUMENT` when one of them is no object
 */
export function withSettings<Sections extends Section>(
  adapter: SocketAdapter<Sections>,
  settingsInCode: SettingsOf<Sections>,
): SocketAdapter<Sections> {
  checkObject('withSettings(adapter, settings): adapter', adapter);
  checkObject('withSettings(adapter, settings): settings', settingsInCode);
  return {
    ...adapter,
    settingsInCode,
    problems: (config, isChosen, given) => adapter.problems?.(config, isChosen, given) ?? [],
    create: (context) => adapter.create(context),
    clientOptions: (config, origin) => adapter.clientOptions(config, origin),
  };
}
