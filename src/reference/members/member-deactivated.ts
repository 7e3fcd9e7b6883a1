/** Domain event: a member was deactivated, and the new status is saved. */
export class MemberDeactivated {
  constructor(
    readonly memberId: string,
    /** ISO 8601, UTC. */
    readonly occurredAt: string,
  ) {}
}
