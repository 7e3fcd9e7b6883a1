/**
 * The application's events and their payloads. Empty here; the application fills it in once, and the compiler then
 * checks every relay and every browser handler against it:
 *
 * ```ts
 * declare module 'nestjs-switchboard' {
 *   interface SocketEvents { MEMBER_DEACTIVATED: { memberId: string; occurredAt: string } }
 * }
 * ```
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it exists to be augmented
export interface SocketEvents {}
