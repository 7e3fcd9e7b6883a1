/** A member of the application. */
export interface Member {
  readonly id: string;
  readonly name: string;
  readonly status: 'active' | 'deactivated';
}
