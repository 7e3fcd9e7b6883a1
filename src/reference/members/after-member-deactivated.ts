import { EventsHandler, type IEventHandler } from '@nestjs/cqrs';
import { SocketService } from 'nestjs-switchboard';
import { MemberDeactivated } from './member-deactivated.js';

/** Relays the event to the deactivated member, then ends the member's connections. */
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
      // They must not stay connected, even if the event did not reach them.
      await this.#socketService.disconnectMember(memberId);
    }
  }
}
