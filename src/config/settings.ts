import type { BuiltInSections } from '../adapters/index.js';
import type { CoreSections } from '../settings/core.js';
import type { SettingsOf } from '../settings/setting.js';

/** Anything shaped like `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Settings given in code, each of the kind that it is: numbers, booleans, lists. Each stands for an environment variable, and
 * wins over it. Those of an adapter from outside are given with `withSettings`.
 */
export interface SocketSettings extends SettingsOf<CoreSections>, SettingsOf<BuiltInSections> {}
