import type { Setting } from '../src/settings/setting.js';

// The types of settings.mjs for the tests, which are TypeScript.

/** A variable as the documentation has it. */
export interface DocumentedVariable {
  readonly variable: string;
  /** Its path in code. Absent where it is no setting. */
  readonly path?: string;
  /** The default as text; empty where there is none. */
  readonly value: string;
  readonly unit?: string;
  readonly meaning: string;
  /** The page that says more, like `docs/failover.md#pages`. */
  readonly see?: string;
}

export declare function documentedVariables(
  settings: readonly (readonly [path: string, setting: Setting])[],
): readonly DocumentedVariable[];
export declare function settingsTable(variables: readonly DocumentedVariable[]): string;
export declare function withTable(page: string, table: string): string;
export declare function envExample(variables: readonly DocumentedVariable[]): string;
