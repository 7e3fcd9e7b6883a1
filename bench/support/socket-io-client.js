import { Client } from './client.js';
import { APP } from './events.js';

const ZERO = 48;
const [OPEN, , PING, , MESSAGE] = [0, 1, 2, 3, 4].map((type) => type + ZERO);
const [CONNECT, , EVENT, ACK] = [0, 1, 2, 3].map((type) => type + ZERO);

/** A client with Socket.IO's protocol over a WebSocket. It joins with the peer's own events. */
export class SocketIoClient extends Client {
  #asked = 0;

  /**
   * @param {import('./client.js').Target} target
   * @param {import('./client.js').Listeners} listeners
   * @param {number} [index] its number among many clients
   */
  constructor({ url, app = APP }, { event, failed }, index = 0) {
    const handle = (/** @type {Buffer} */ frame) => {
      if (frame[0] === MESSAGE && frame[1] === EVENT) {
        if (this.isEvent(frame)) event?.(this, frame);
      } else if (frame[0] === PING) this.send('3');
      else if (frame[0] === OPEN) this.send(this.handshake);
      else if (frame[0] === MESSAGE && frame[1] === CONNECT) {
        this.answered('connected', () => JSON.parse(frame.toString('utf8', 2)));
      } else if (frame[0] === MESSAGE && frame[1] === ACK) {
        const id = this.ackIn(frame.toString());
        if (id === undefined) throw new Error(`the server refuses: ${frame.toString()}`);
        this.answered(id, () => 'ok');
      } else throw new Error(`a frame that nobody expects: ${frame.toString()}`);
    };
    super(`${url}/socket.io/?EIO=4&transport=websocket`, app, handle, failed, index);
    this.index = index;
  }

  /** The packet that asks to be connected. */
  get handshake() {
    return '40';
  }

  /** Whether a packet is an event of the benchmark. @param {Buffer} _frame */
  isEvent(_frame) {
    return true;
  }

  /** The number of the message that is accepted; `undefined` where it is refused. @param {string} text */
  ackIn(text) {
    return /^43(\d+)\["ok"\]$/.exec(text)?.[1];
  }

  /** Resolves when the server has accepted the connection. */
  async greeted() {
    const { sid } = await this.reply('connected');
    this.socketId = sid;
  }

  /** @param {string} id the member's */
  async signIn(id) {
    const data = JSON.stringify({ id });
    await this.ask('signin', { auth: this.sign(`${this.socketId}::user::${data}`), user_data: data });
  }

  /** @param {string} channel */
  async subscribe(channel) {
    await this.ask('join', { channel, auth: this.sign(`${this.socketId}:${channel}`) });
  }

  /**
   * @param {string} event
   * @param {object | string} data
   */
  ask(event, data) {
    const id = String(this.#asked++);
    const done = this.reply(id);
    this.send(`42${id}${JSON.stringify([event, data])}`);
    return done;
  }
}
