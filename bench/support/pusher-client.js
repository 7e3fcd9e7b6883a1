import { Client } from './client.js';
import { APP } from './events.js';

const PROTOCOL = Buffer.from('pusher');
/** Where an event's name begins in a frame: `{"event":"`. */
const NAME_AT = 10;

/** A client with Pusher's protocol. */
export class PusherClient extends Client {
  #protocol;

  /**
   * @param {import('./client.js').Target} target
   * @param {import('./client.js').Listeners} listeners
   * @param {number} [index] its number among many clients
   */
  constructor({ url, app = APP }, { event, protocol, failed }, index = 0) {
    const end = NAME_AT + PROTOCOL.length;
    const handle = (/** @type {Buffer} */ frame) => {
      if (frame.length < end || frame.compare(PROTOCOL, 0, PROTOCOL.length, NAME_AT, end) !== 0) {
        event?.(this, frame);
      } else {
        this.#handle(JSON.parse(frame.toString()));
      }
    };
    super(`${url}/app/${app.key}?protocol=7&client=bench&version=1`, app, handle, failed, index);
    this.#protocol = protocol;
  }

  /** Resolves when the gateway has accepted the connection. */
  async greeted() {
    const { socket_id: id } = await this.reply('pusher:connection_established');
    this.socketId = id;
  }

  /**
   * @param {string} id the member's
   * @param {readonly string[]} [watchlist] the members whose status it wants to know
   */
  async signIn(id, watchlist) {
    const data = JSON.stringify({ id, watchlist });
    const done = this.reply('pusher:signin_success');
    this.#say('pusher:signin', { auth: this.sign(`${this.socketId}::user::${data}`), user_data: data });
    await done;
  }

  /**
   * @param {string} channel
   * @param {string} [memberId] the member that a presence channel shows
   * @returns {Promise<any>} the gateway's data about the channel
   */
  subscribe(channel, memberId) {
    const done = this.reply(`pusher_internal:subscription_succeeded ${channel}`);
    const data = channel.startsWith('presence-') ? JSON.stringify({ user_id: memberId }) : undefined;
    const text = `${this.socketId}:${channel}${data === undefined ? '' : `:${data}`}`;
    const isSigned = /^(?:private|presence)-/.test(channel);
    this.#say('pusher:subscribe', {
      channel,
      ...(isSigned && { auth: this.sign(text) }),
      channel_data: data,
    });
    return done;
  }

  /** @param {string} channel */
  unsubscribe(channel) {
    this.#say('pusher:unsubscribe', { channel });
  }

  /** @param {{ event: string, channel?: string, data?: any }} frame */
  #handle(frame) {
    const { event, channel, data } = frame;
    this.#protocol?.(frame);
    if (event === 'pusher:ping') {
      this.#say('pusher:pong', {});
      return;
    }
    if (event === 'pusher:error') throw new Error(`the gateway refuses: ${JSON.stringify(data)}`);
    // Some servers send an object where Pusher sends its text.
    const read = () => (typeof data === 'string' ? JSON.parse(data) : data);
    this.answered(channel === undefined ? event : `${event} ${channel}`, read);
  }

  /**
   * @param {string} event
   * @param {object} data
   */
  #say(event, data) {
    this.send(JSON.stringify({ event, data }));
  }
}
