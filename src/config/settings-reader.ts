import { isObject, kindOf, meant, nearestName, unknownNames } from '../ports/arguments.js';
import {
  type ConfigOf,
  isSetting,
  type Section,
  type Setting,
  settingsIn,
  type SettingsOf,
} from '../settings/setting.js';
import type { Environment } from './settings.js';

/** Reads settings from code and, where that is silent, from the environment, and remembers everything that is wrong. */
export class SettingsReader {
  readonly #environment: Environment;
  readonly #given = new Set<string>();
  /** The variables whose settings were given in code, each with its path there. */
  readonly #paths = new Map<string, string>();
  readonly #refused = new Set<string>();
  readonly #problems: string[] = [];
  /** Other names under which somebody may look for a setting, each with its path: `maxConnections` for `gateway.limits.connections`. */
  readonly #aliases = new Map<string, string>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** The variables that have a value, be it in the environment or in code. */
  get given(): ReadonlySet<string> {
    return this.#given;
  }

  /** The variables whose value is refused. */
  get refused(): ReadonlySet<string> {
    return this.#refused;
  }

  /** How a message names a setting: by its path in code where it was given there, and otherwise by its variable. */
  nameOf(variable: string): string {
    return this.#paths.get(variable) ?? variable;
  }

  /** A line for each refused value, in the order of the settings. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /**
   * Reads the sections. A setting whose value is refused has its default.
   *
   * @param others the names that may stand beside the sections in code, and are read elsewhere
   */
  read<S extends Section>(sections: S, inCode: SettingsOf<S>, others: readonly string[]): ConfigOf<S> {
    for (const [path, { variable }] of settingsIn(sections)) {
      for (const alias of [path.replace(/.*\./, ''), inCamelCase(variable)])
        if (!this.#aliases.has(alias)) this.#aliases.set(alias, path);
    }
    // Every entry was read by the setting, or the section, of its name.
    return this.#readSection(sections, inCode, '', others) as ConfigOf<S>;
  }

  #readSection(section: Section, inCode: object, prefix: string, others: readonly string[] = []): object {
    this.#refuseUnknown(inCode, [...Object.keys(section), ...others], prefix);
    const entries = Object.entries(section).map(([name, entry]): [string, unknown] => {
      const given: unknown = Reflect.get(inCode, name);
      const path = prefix + name;
      if (isSetting(entry)) return [name, this.#readSetting(entry, given, path)];
      return [name, this.#readSection(entry, this.#sectionInCode(entry, given, path), `${path}.`)];
    });
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  }

  /** A name that no setting has is a mistake: its value would have no effect. */
  #refuseUnknown(inCode: object, known: readonly string[], prefix: string): void {
    for (const name of unknownNames(inCode, known)) {
      const near = nearestName(name, known);
      const elsewhere = this.#aliases.get(nearestName(name, [...this.#aliases.keys()]) ?? '');
      const path = near === undefined ? elsewhere : prefix + near;
      this.#problems.push(`${prefix}${name}: is no setting; ${meant(path, known)}`);
    }
  }

  #sectionInCode(section: Section, inCode: unknown, path: string): object {
    if (inCode === undefined) return {};
    if (isObject(inCode)) return inCode;
    // It may have secrets in it, so it is not shown.
    this.#problems.push(`${path}: must be an object of settings; it is ${kindOf(inCode)}`);
    for (const [, { variable }] of settingsIn(section)) this.#refused.add(variable);
    return {};
  }

  #readSetting(setting: Setting, inCode: unknown, path: string): unknown {
    if (inCode !== undefined) {
      this.#paths.set(setting.variable, path);
      return this.#check(setting, inCode, inCode);
    }
    const given: unknown = this.#environment[setting.variable];
    // Not from a process, but from an object in code.
    if (given !== undefined && typeof given !== 'string')
      return this.#refuse(setting, ['must be a text'], given);
    // An empty variable counts as absent.
    const text = given?.trim();
    if (text === undefined || text === '') return setting.default;
    return this.#check(setting, setting.fromText(text), text);
  }

  #check(setting: Setting, value: unknown, shown: unknown): unknown {
    const result = setting.schema['~standard'].validate(value);
    if (result instanceof Promise)
      return this.#refuse(setting, ['has a schema that returns a promise; it must check at once'], shown);
    if (result.issues)
      return this.#refuse(setting, new Set(result.issues.map((issue) => issue.message)), shown);
    this.#given.add(setting.variable);
    return result.value;
  }

  #refuse(setting: Setting, messages: Iterable<string>, shown: unknown): unknown {
    const { variable } = setting;
    this.#given.add(variable);
    this.#refused.add(variable);
    for (const message of messages)
      this.#problems.push(`${this.nameOf(variable)}: ${message}; it is ${shownValue(shown, setting)}`);
    return setting.default;
  }
}

/** A value as the message about it shows it: without secrets. */
function shownValue(value: unknown, { isSecret = false, hideSecrets = same }: Setting): string {
  const show = (item: unknown): string => {
    if (Array.isArray(item)) return `[${item.map(show).join(', ')}]`;
    if (typeof item === 'string') return JSON.stringify(withoutUrlSecrets(hideSecrets(item)));
    // An object may have secrets in it, and a number or `true` has none.
    if (typeof item === 'number' || typeof item === 'boolean' || item === null) return String(item);
    return `a value of the kind ${typeof item}`;
  };
  if (!isSecret) return show(value);
  return typeof value === 'string' ? `${value.length} characters` : `a value of the kind ${typeof value}`;
}

/** A URL may carry a user and a password, and a token behind its path: `https://user:password@host?token`. */
function withoutUrlSecrets(text: string): string {
  return text.replace(/\/\/[^/@\s,]*@/g, '//…@').replace(/(\/\/[^?#]*)[?#].*?(?=,\s*\w+:\/\/|$)/gs, '$1?…');
}

function same(text: string): string {
  return text;
}

/** A variable's name as code would write it, without the beginning that all have: `maxConnections`. */
function inCamelCase(variable: string): string {
  const words = variable.replace(/^(?:SOCKET|PUSHER)_/, '').toLowerCase();
  return words.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
