import './events.js';
import { Module } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { AfterMemberDeactivated } from './after-member-deactivated.js';
import { InMemoryMembersRepository } from './in-memory-members.repository.js';
import { LobbyChannel } from './lobby.channel.js';
import { MembersController } from './members.controller.js';
import { MembersRepository } from './members.repository.js';
import { MembersService } from './members.service.js';

/** A sample of a business module. It knows `SocketService`, and no transport. */
@Module({
  imports: [CqrsModule.forRoot()],
  controllers: [MembersController],
  providers: [
    { provide: MembersRepository, useClass: InMemoryMembersRepository },
    MembersService,
    AfterMemberDeactivated,
    LobbyChannel,
  ],
})
export class MembersModule {}
