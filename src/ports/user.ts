/** The user that a connection is signed in as, or present as, on the engine's side. */
export interface User {
  readonly id: string;
  /** The facts that presence channels show about the user: any JSON value, `undefined` where there are none. */
  readonly info: unknown;
}
