/**
 * The application's events, declared where only `nestjs-switchboard/browser` is imported, as in a front-end's own project. It is
 * empty here. The declarations for this entry and for `nestjs-switchboard` hold for both.
 *
 * ```ts
 * declare module 'nestjs-switchboard/browser' {
 *   interface SocketEvents { MEMBER_DEACTIVATED: { memberId: string; occurredAt: string } }
 * }
 * ```
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- the application augments it
export interface SocketEvents {}
