import { EventsHandler, type IEventHandler } from '@nestjs/cqrs';
import { SocketService } from 'nestjs-switchboard';
import { MemberDeactivated } from './member-deactivated.js';

/** Tells the member's browsers, then ends their connections. */
@EventsHandler(MemberDeactivated)
export class AfterMemberDeactivated implements IEventHandler<MemberDeactivated> {
  readonly #socketService: SocketService;

  constructor(socketService: SocketService) {
    this.#socketService = socketService;
  }

  async handle({ memberId, occurredAt }: MemberDeactivated): Promise<void> {
    try {
      await this.#socketService.relayToMember(memberId, 'MEMBER_DEACTIVATED', { memberId, occurredAt });
    } finally {
      // Whether or not they could be told, they must not stay connected.
      await this.#socketService.disconnectMember(memberId);
    }
  }
}
