import { Injectable } from '@nestjs/common';
import type { Member } from './member.js';
import { MembersRepository } from './members.repository.js';

const SEED: readonly Member[] = [
  { id: 'ada', name: 'Ada Lovelace', status: 'active' },
  { id: 'alan', name: 'Alan Turing', status: 'active' },
  { id: 'grace', name: 'Grace Hopper', status: 'active' },
  { id: 'linus', name: 'Linus Torvalds', status: 'active' },
];

/** Keeps the members in memory, until the process ends. It starts with a few. */
@Injectable()
export class InMemoryMembersRepository extends MembersRepository {
  readonly #members = new Map(SEED.map((member) => [member.id, member]));

  async all(): Promise<readonly Member[]> {
    return [...this.#members.values()];
  }

  async find(id: string): Promise<Member | undefined> {
    return this.#members.get(id);
  }

  async save(member: Member): Promise<void> {
    this.#members.set(member.id, member);
  }
}
