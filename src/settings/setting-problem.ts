/** A problem between several settings, which the check of a single setting cannot find. */
export interface SettingProblem {
  /** The variable of the setting that is wrong or missing. Given in code, the setting is named by its path there. */
  readonly variable: string;
  /** The rest of the message: what is wrong, and what is allowed. `is required by the provider "acme"` */
  readonly problem: string;
  /**
   * The variables whose values make it a problem. While one of them is refused, nothing is known, and nothing is said.
   * @default only `variable`
   */
  readonly decidedBy?: readonly string[];
}
