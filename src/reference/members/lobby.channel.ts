import { AuthorizeChannel, type ChannelAuthorizer } from 'nestjs-switchboard';

/** The authorizer of the live page's room. Every member may join. */
@AuthorizeChannel('presence-lobby')
export class LobbyChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}
