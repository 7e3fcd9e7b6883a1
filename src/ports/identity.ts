/**
 * The caller of an auth endpoint, as the host application's `identify` returns it. An application declares its own facts
 * about a caller, like a tenant or roles, and its authorizers get them:
 *
 * ```ts
 * declare module 'nestjs-switchboard' {
 *   interface Identity {
 *     readonly tenant: string;
 *   }
 * }
 * ```
 *
 * Only `id` and `info` leave the backend.
 */
export interface Identity {
  /** The member's id. */
  readonly id: string;
  /** The facts about the member that others on a presence channel see. @default undefined */
  readonly info?: Readonly<Record<string, unknown>>;
  /**
   * The ids of at most 100 other members. The member's browsers are told when one of them goes online or offline.
   * @default undefined
   */
  readonly watchlist?: readonly string[];
}
