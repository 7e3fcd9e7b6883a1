import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Req,
  UnauthorizedException,
} from '@nestjs/common';
import { type HttpRequest, type Receipt, SocketService } from 'nestjs-switchboard';
import type { InferOutput } from 'valibot';
import { Sessions } from '../sessions/sessions.js';
import { broadcastBody, messageBody, newMemberBody, sessionBody } from './bodies.js';
import type { Member } from './member.js';
import { type ListedMember, MembersService } from './members.service.js';

/** The answer to the sender of a relay. */
type Relayed = Pick<Receipt, 'id' | 'status'>;

/**
 * The reference backend's routes. Only the sender of a message has to be signed in, because this is a sample. A real backend
 * guards every route.
 */
@Controller()
export class MembersController {
  readonly #members: MembersService;
  readonly #sessions: Sessions;
  readonly #socketService: SocketService;

  constructor(members: MembersService, sessions: Sessions, socketService: SocketService) {
    this.#members = members;
    this.#sessions = sessions;
    this.#socketService = socketService;
  }

  @Post('session')
  @HttpCode(200)
  async openSession(
    @Body({ schema: sessionBody }) body: InferOutput<typeof sessionBody>,
  ): Promise<{ token: string }> {
    return { token: await this.#members.openSession(body.memberId) };
  }

  @Get('members')
  list(): Promise<ListedMember[]> {
    return this.#members.list();
  }

  @Post('members')
  create(@Body({ schema: newMemberBody }) body: InferOutput<typeof newMemberBody>): Promise<Member> {
    return this.#members.create(body.name, body.id);
  }

  @Post('members/:id/deactivate')
  @HttpCode(200)
  deactivate(@Param('id') id: string): Promise<Member> {
    return this.#members.deactivate(id);
  }

  @Post('members/:id/messages')
  @HttpCode(202)
  async message(
    @Param('id') id: string,
    @Body({ schema: messageBody }) { text }: InferOutput<typeof messageBody>,
    @Req() request: HttpRequest,
    @Headers('x-socket-id') socketId?: string,
  ): Promise<Relayed> {
    const sender = this.#sessions.identify(request);
    if (sender === null) throw new UnauthorizedException('Send the bearer token of POST /session');
    const { id: to } = await this.#members.get(id);
    const options = { exceptSocketId: socketId };
    return relayed(
      await this.#socketService.relayToMember(to, 'MEMBER_MESSAGED', { from: sender.id, text }, options),
    );
  }

  @Post('broadcast')
  @HttpCode(202)
  async broadcast(
    @Body({ schema: broadcastBody }) { message }: InferOutput<typeof broadcastBody>,
  ): Promise<Relayed> {
    return relayed(await this.#socketService.broadcast('ANNOUNCED', { message }));
  }
}

function relayed({ id, status }: Receipt): Relayed {
  return { id, status };
}
