import { randomUUID } from 'node:crypto';
import { ConflictException, ForbiddenException, Injectable, NotFoundException } from '@nestjs/common';
import { EventBus } from '@nestjs/cqrs';
import { SocketService } from 'nestjs-switchboard';
import { Sessions } from '../sessions/sessions.js';
import type { Member } from './member.js';
import { MemberDeactivated } from './member-deactivated.js';
import { MembersRepository } from './members.repository.js';

/** A member as the list shows it. `online` is `null` when the provider did not answer. */
export type ListedMember = Member & { readonly online: boolean | null };

/** The use cases about members. */
@Injectable()
export class MembersService {
  readonly #members: MembersRepository;
  readonly #sessions: Sessions;
  readonly #events: EventBus;
  readonly #socketService: SocketService;

  constructor(
    members: MembersRepository,
    sessions: Sessions,
    events: EventBus,
    socketService: SocketService,
  ) {
    this.#members = members;
    this.#sessions = sessions;
    this.#events = events;
    this.#socketService = socketService;
  }

  async list(): Promise<ListedMember[]> {
    const members = await this.#members.all();
    const online = await this.#socketService.onlineMembers(members.map(({ id }) => id));
    return members.map((member) => ({ ...member, online: online?.has(member.id) ?? null }));
  }

  async create(name: string, id: string = randomUUID()): Promise<Member> {
    if ((await this.#members.find(id)) !== undefined)
      throw new ConflictException(`Member "${id}" exists already`);
    const member: Member = { id, name, status: 'active' };
    await this.#members.save(member);
    return member;
  }

  /** Signs a member in and returns the bearer token. */
  async openSession(id: string): Promise<string> {
    const member = await this.get(id);
    if (member.status === 'deactivated') throw new ForbiddenException(`Member "${id}" is deactivated`);
    return this.#sessions.open({ id, info: { name: member.name } });
  }

  /** Saves first, then publishes, so that no browser gets an event about a change that failed. */
  async deactivate(id: string): Promise<Member> {
    const member = await this.get(id);
    if (member.status === 'deactivated') throw new ConflictException(`Member "${id}" is deactivated already`);
    const deactivated: Member = { ...member, status: 'deactivated' };
    await this.#members.save(deactivated);
    this.#sessions.endAllOf(id);
    this.#events.publish(new MemberDeactivated(id, new Date().toISOString()));
    return deactivated;
  }

  /** @throws NotFoundException */
  async get(id: string): Promise<Member> {
    const member = await this.#members.find(id);
    if (member === undefined) throw new NotFoundException(`There is no member "${id}"`);
    return member;
  }
}
