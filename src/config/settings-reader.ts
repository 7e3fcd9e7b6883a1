import * as v from 'valibot';
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
  readonly #refused = new Set<string>();
  readonly #problems: string[] = [];

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

  /** A line for each refused value, in the order of the settings. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Reads a section. A setting whose value is refused has its default. */
  read<S extends Section>(section: S, inCode: SettingsOf<S>): ConfigOf<S> {
    // Every entry was read by the setting, or the section, of its name.
    return this.#readSection(section, inCode, '') as ConfigOf<S>;
  }

  #readSection(section: Section, inCode: object, prefix: string): object {
    const entries = Object.entries(section).map(([name, entry]): [string, unknown] => {
      const given: unknown = Reflect.get(inCode, name);
      const path = prefix + name;
      if (isSetting(entry)) return [name, this.#readSetting(entry, given, path)];
      return [name, this.#readSection(entry, this.#sectionInCode(entry, given, path), `${path}.`)];
    });
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  }

  #sectionInCode(section: Section, inCode: unknown, path: string): object {
    if (inCode === undefined) return {};
    const isList = Array.isArray(inCode);
    if (typeof inCode === 'object' && inCode !== null && !isList) return inCode;
    const kind = isList ? 'list' : typeof inCode;
    // It may have secrets in it, so it is not shown.
    this.#problems.push(
      `${path}: must be an object of settings; it is ${inCode === null ? 'null' : `a ${kind}`}`,
    );
    for (const [, { variable }] of settingsIn(section)) this.#refused.add(variable);
    return {};
  }

  #readSetting(setting: Setting, inCode: unknown, path: string): unknown {
    if (inCode !== undefined) return this.#check(setting, inCode, inCode, `${path} in code`);
    // An empty variable counts as absent.
    const text = this.#environment[setting.variable]?.trim();
    if (text === undefined || text === '') return setting.default;
    return this.#check(setting, setting.fromText(text), text, 'it');
  }

  #check(setting: Setting, value: unknown, shown: unknown, subject: string): unknown {
    const { variable, schema } = setting;
    this.#given.add(variable);
    const result = v.safeParse(schema, value);
    if (result.success) return result.output;
    this.#refused.add(variable);
    for (const message of new Set(result.issues.map((issue) => issue.message)))
      this.#problems.push(`${variable}: ${message}; ${subject} is ${shownValue(shown, setting)}`);
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
