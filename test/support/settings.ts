import { allSections, knownAdapters } from '../../src/config/known-adapters.js';
import { settingsIn } from '../../src/settings/setting.js';

/** Every setting there is, in order, with its path in code. */
export const SETTINGS = settingsIn(allSections(knownAdapters([])));

/** Every variable that the library reads. `NODE_ENV` is no setting. */
export const VARIABLES = ['NODE_ENV', ...SETTINGS.map(([, { variable }]) => variable)];
