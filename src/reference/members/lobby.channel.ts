import { AuthorizeChannel, type ChannelAuthorizer } from 'nestjs-switchboard';

/** The room of the live page. Every member may enter, under their own name. */
@AuthorizeChannel('presence-lobby')
export class LobbyChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}
