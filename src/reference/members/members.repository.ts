import type { Member } from './member.js';

/** The store of members. The reference backend keeps them in memory; a real one implements this class with its database. */
export abstract class MembersRepository {
  abstract all(): Promise<readonly Member[]>;
  abstract find(id: string): Promise<Member | undefined>;
  abstract save(member: Member): Promise<void>;
}
