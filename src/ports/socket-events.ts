/**
 * The application's events and their payloads. It is empty here. The application declares its events once, and the compiler
 * then checks every relay and every browser handler against them:
 *
 * ```ts
 * declare module 'nestjs-switchboard' {
 *   interface SocketEvents { MEMBER_DEACTIVATED: { memberId: string; occurredAt: string } }
 * }
 * ```
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- the application augments it
export interface SocketEvents {}
