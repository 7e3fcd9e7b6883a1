import { createHmac } from 'node:crypto';
import { WebSocket } from 'ws';
import { APP } from './events.js';

const PROTOCOL = Buffer.from('pusher');
/** Where an event's name begins in a frame: `{"event":"`. */
const NAME_AT = 10;

/** @param {string} text */
const sign = (text) => `${APP.key}:${createHmac('sha256', APP.secret).update(text).digest('hex')}`;

/** A browser at the price of a socket: it speaks as much of the protocol as the load needs, and signs for itself. */
export class PusherClient {
  #socket;
  /** Who waits for which frame. @type {Map<string, (data: any) => void>} */
  #awaited = new Map();
  #socketId = '';
  #isClosing = false;
  /** The last sequence number that it heard. */
  heard = 0;

  /**
   * @param {string} url
   * @param {{ event?: (client: PusherClient, frame: Buffer) => void, protocol?: (frame: any) => void,
   *   failed: (error: Error) => void }} listeners
   */
  constructor(url, { event, protocol, failed }) {
    this.#socket = new WebSocket(`${url}/app/${APP.key}?protocol=7&client=bench&version=1`, {
      perMessageDeflate: false,
      skipUTF8Validation: true,
    });
    this.#socket.on('message', (/** @type {Buffer} */ frame) => {
      const end = NAME_AT + PROTOCOL.length;
      if (frame.length < end || frame.compare(PROTOCOL, 0, PROTOCOL.length, NAME_AT, end) !== 0) {
        event?.(this, frame);
        return;
      }
      try {
        const parsed = JSON.parse(frame.toString());
        protocol?.(parsed);
        this.#handle(parsed);
      } catch (error) {
        failed(/** @type {Error} */ (error));
      }
    });
    this.#socket.on('error', failed);
    this.#socket.on('close', (code) => {
      if (!this.#isClosing) failed(new Error(`a connection was closed with ${code}`));
    });
  }

  /** Resolves when the gateway has greeted. */
  async greeted() {
    const { socket_id: id } = await this.#reply('pusher:connection_established');
    this.#socketId = id;
  }

  /** @param {string} id the member's */
  async signIn(id) {
    const data = JSON.stringify({ id });
    const done = this.#reply('pusher:signin_success');
    this.#send('pusher:signin', { auth: sign(`${this.#socketId}::user::${data}`), user_data: data });
    await done;
  }

  /**
   * @param {string} channel
   * @param {string} [memberId] whom a presence channel shows
   * @returns {Promise<any>} what the gateway says of the channel
   */
  subscribe(channel, memberId) {
    const done = this.#reply(`pusher_internal:subscription_succeeded ${channel}`);
    const data = channel.startsWith('presence-') ? JSON.stringify({ user_id: memberId }) : undefined;
    const text = `${this.#socketId}:${channel}${data === undefined ? '' : `:${data}`}`;
    const isSigned = /^(?:private|presence)-/.test(channel);
    this.#send('pusher:subscribe', { channel, ...(isSigned && { auth: sign(text) }), channel_data: data });
    return done;
  }

  /** @param {string} channel */
  unsubscribe(channel) {
    this.#send('pusher:unsubscribe', { channel });
  }

  /** Resolves when the connection is gone. */
  async close() {
    this.#isClosing = true;
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#socket.close();
    await closed;
  }

  /** @param {{ event: string, channel?: string, data?: any }} frame */
  #handle({ event, channel, data }) {
    if (event === 'pusher:ping') {
      this.#send('pusher:pong', {});
      return;
    }
    if (event === 'pusher:error') throw new Error(`the gateway refuses: ${JSON.stringify(data)}`);
    const key = channel === undefined ? event : `${event} ${channel}`;
    const resolve = this.#awaited.get(key);
    if (resolve === undefined) return;
    this.#awaited.delete(key);
    resolve(JSON.parse(data));
  }

  /** @param {string} key */
  #reply(key) {
    return new Promise((resolve) => void this.#awaited.set(key, resolve));
  }

  /**
   * @param {string} event
   * @param {object} data
   */
  #send(event, data) {
    this.#socket.send(JSON.stringify({ event, data }));
  }
}
