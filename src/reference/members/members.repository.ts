import type { Member } from './member.js';

/** Where members are kept. The reference backend keeps them in memory; a real one would bind its database here. */
export abstract class MembersRepository {
  abstract all(): Promise<readonly Member[]>;
  abstract find(id: string): Promise<Member | undefined>;
  abstract save(member: Member): Promise<void>;
}
