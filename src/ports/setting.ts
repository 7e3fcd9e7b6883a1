import type * as v from 'valibot';

/** One setting: its variable, its schema, its default and its unit. */
export interface Setting<T = unknown> {
  readonly variable: string;
  readonly schema: v.GenericSchema<unknown, T>;
  readonly default?: T;
}

/** The settings of one section, by their names in code. A section may hold others. */
export interface Section {
  readonly [name: string]: Setting | Section;
}

/** The configuration that a section makes. */
export type ConfigOf<S> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : ConfigOf<S[K]>;
};
