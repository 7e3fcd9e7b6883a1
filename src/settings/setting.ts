/** A schema's answer: the value that it made, or what is wrong. */
type Checked<Value> =
  | { readonly value: Value; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] };

/**
 * A schema of valibot, or of any other library with Standard Schema. The part that is used is written down here, because it is in
 * the package's declarations: those of valibot take a compiler seconds where it checks the declarations of all packages.
 */
export interface Schema<Value, Given = Value> {
  readonly '~standard': {
    readonly validate: (value: unknown) => Checked<Value> | Promise<Checked<Value>>;
    readonly types?: { readonly input: Given; readonly output: Value } | undefined;
  };
}

/**
 * The kind of a setting's value: how a variable's text is read, and which values are allowed. `Given` is the type in code,
 * `Value` the type in the configuration.
 */
export interface Kind<Value, Given = Value> {
  /**
   * Turns a variable's text into the value that code would give. A text that cannot be turned is returned unchanged, and the
   * schema refuses it.
   */
  readonly fromText: (text: string) => unknown;
  /**
   * Checks a value from code or from {@link fromText}, and turns it into the configuration's value, at once. An issue's
   * message says what is allowed.
   */
  readonly schema: Schema<Value, Given>;
}

/** The units of settings. Their names end with it: `timeoutMs`, `PUSHER_TIMEOUT_MS`. */
export type Unit = 'ms' | 's' | 'bytes';

/** The optional properties of a setting. */
export interface SettingOptions {
  /** The unit, where the number is a time or a size. @default none */
  readonly unit?: Unit;
  /** Whether no message may show the value, but only its length. @default false */
  readonly isSecret?: boolean;
  /** Takes the secrets out of a text that a message shows. Credentials and queries of URLs are always taken out. @default none */
  readonly hideSecrets?: (text: string) => string;
}

/** One setting: its variable, its kind, and its default; `undefined` where it may be absent. */
export interface Setting<Value = unknown, Given = unknown, Default = unknown>
  extends Kind<Value, Given>, SettingOptions {
  readonly variable: string;
  readonly default: Default;
}

/**
 * Makes a setting. The comment above it in its section is its documentation, and ends with `@default`.
 *
 * @param variable its environment variable
 */
export function setting<Value, Given>(
  variable: string,
  kind: Kind<Value, Given>,
  options: SettingOptions & { readonly default: NoInfer<Value> },
): Setting<Value, Given, Value>;
export function setting<Value, Given>(
  variable: string,
  kind: Kind<Value, Given>,
  options?: SettingOptions,
): Setting<Value, Given, undefined>;
export function setting<Value, Given>(
  variable: string,
  kind: Kind<Value, Given>,
  options: SettingOptions & { readonly default?: Value } = {},
): Setting<Value, Given, Value | undefined> {
  return { default: undefined, ...options, ...kind, variable };
}

/** Settings by their names in code. A section may hold others. */
export interface Section {
  readonly [name: string]: Setting | Section;
}

/** No section: the settings of an adapter that has none. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- an intersection with it changes nothing
export type NoSection = {};

type Optional = Setting<unknown, unknown, undefined>;
type ValueOf<S> = S extends Setting<infer Value> ? Value : ConfigOf<S>;
type Flat<T> = { [K in keyof T]: T[K] };

/** The configuration that a section makes. A setting without a default may be absent. */
export type ConfigOf<S> = Flat<
  { readonly [K in keyof S as S[K] extends Optional ? never : K]: ValueOf<S[K]> } & {
    readonly [K in keyof S as S[K] extends Optional ? K : never]?: ValueOf<S[K]>;
  }
>;

/** The settings in code of a section. */
export type SettingsOf<S> = {
  readonly [K in keyof S]?: S[K] extends Setting<unknown, infer Given> ? Given : SettingsOf<S[K]>;
};

/** Whether an entry of a section is a setting, and not a section in it. */
export function isSetting(entry: Setting | Section): entry is Setting {
  return typeof entry['variable'] === 'string';
}

/** Every setting of a section and of those in it, in order, each with its path in code like `gateway.limits.channels`. */
export function settingsIn(
  section: Section,
  prefix = '',
): readonly (readonly [path: string, setting: Setting])[] {
  return Object.entries(section).flatMap(([name, entry]) =>
    isSetting(entry) ? [[prefix + name, entry] as const] : settingsIn(entry, `${prefix}${name}.`),
  );
}
