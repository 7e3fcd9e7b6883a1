/** A user as the engine knows one: who a connection is signed in as, or present as. */
export interface User {
  readonly id: string;
  /** What presence channels show of the user: any JSON value, `undefined` where there is none. */
  readonly info: unknown;
}
