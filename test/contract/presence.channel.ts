import { type Admission, AuthorizeChannel, type ChannelAuthorizer, type Identity } from 'nestjs-switchboard';

/** Admits every member to every presence channel, as the contract suite wants it. */
@AuthorizeChannel('presence-{room}')
export class PresenceChannel implements ChannelAuthorizer {
  authorize({ id }: Identity): Admission {
    return { id, info: { role: 'guest' } };
  }
}
