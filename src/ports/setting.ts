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

/** No section: the settings of an adapter that has none. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- an intersection with it changes nothing
export type NoSection = {};

/** The configuration that a section makes. */
export type ConfigOf<S> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : ConfigOf<S[K]>;
};
