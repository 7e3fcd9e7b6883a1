import { memberOf } from './events.js';
import { SocketIoClient } from './socket-io-client.js';

const ACKED = /^43(\d+)\[\{"ok":true/;

/** A client of the provider `socket-io`, which joins by what `docs/socket-io.md` says. */
export class GatewaySocketIoClient extends SocketIoClient {
  /** The member that the handshake names; each is one of its own. */
  get handshake() {
    return `40${JSON.stringify({ token: memberOf(this.index) })}`;
  }

  /** The events of the protocol itself are no broadcasts. @param {Buffer} frame */
  isEvent(frame) {
    return frame.toString('latin1', 4, 11) !== 'pusher:';
  }

  /** @param {string} text */
  ackIn(text) {
    return ACKED.exec(text)?.[1];
  }

  /** The handshake has signed it in. */
  async signIn() {}

  /** @param {string} channel */
  async subscribe(channel) {
    await this.ask('subscribe', channel);
  }
}
