import { createHmac } from 'node:crypto';
import { WebSocket } from 'ws';

/** The development credentials, which an application without settings has. */
const APP = { key: 'switchboard-key', secret: 'switchboard-secret' };

/**
 * The way of one server to carry messages and answers. `opened` is called with every frame until it returns true: then the client is
 * ready.
 *
 * @typedef {{ path: string, opened: (text: string, client: Asker) => boolean, ask: (id: number) => string,
 *   answered: (text: string) => number | undefined }} Dialect
 *
 * @type {Record<string, Dialect>}
 */
const DIALECTS = {
  switchboard: {
    path: `/app/${APP.key}?protocol=7`,
    opened(text, client) {
      const { event, data } = JSON.parse(text);
      if (event === 'pusher:connection_established') {
        const socketId = JSON.parse(data).socket_id;
        const userData = JSON.stringify({ id: `member-${client.index}` });
        const signature = createHmac('sha256', APP.secret)
          .update(`${socketId}::user::${userData}`)
          .digest('hex');
        const auth = `${APP.key}:${signature}`;
        client.send(JSON.stringify({ event: 'pusher:signin', data: { auth, user_data: userData } }));
      }
      return event === 'pusher:signin_success';
    },
    ask: (id) =>
      JSON.stringify({
        event: 'switchboard:ask',
        data: { id: String(id), event: 'PLACED', payload: { orderId: id } },
      }),
    answered: (text) => {
      const { event, data } = JSON.parse(text);
      if (event !== 'switchboard:answer') return undefined;
      const { id, payload } = JSON.parse(data);
      return payload?.orderId === Number(id) ? payload.orderId : undefined;
    },
  },
  'nest-ws': {
    path: '/plain',
    opened: () => true,
    ask: (id) => JSON.stringify({ event: 'PLACED', data: { id, orderId: id } }),
    answered: (text) => JSON.parse(text).data.orderId,
  },
  'nest-socket.io': {
    path: '/socket.io/?EIO=4&transport=websocket',
    opened(text, client) {
      if (text.startsWith('0')) client.send('40');
      return text.startsWith('40');
    },
    ask: (id) => `42${id}["PLACED",{"orderId":${id}}]`,
    answered: (text) =>
      text.startsWith('43') ? JSON.parse(text.slice(text.indexOf('['))).at(0).orderId : undefined,
  },
};

/** One client that asks, and waits for the answer. */
export class Asker {
  #socket;
  #dialect;
  /** @type {((text: string) => void)} */
  #hear = () => undefined;

  /** @param {string} kind @param {number} port @param {number} index */
  constructor(kind, port, index) {
    this.index = index;
    this.#dialect = /** @type {Dialect} */ (DIALECTS[kind]);
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}${this.#dialect.path}`, { perMessageDeflate: false });
    this.#socket.on('message', (/** @type {Buffer} */ frame) => this.#hear(frame.toString()));
  }

  /** @returns {Promise<void>} */
  ready() {
    return new Promise((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#hear = (text) => {
        if (this.#dialect.opened(text, this)) resolve();
      };
      // This server sends nothing first.
      if (this.#dialect === DIALECTS['nest-ws']) this.#socket.once('open', () => resolve());
    });
  }

  /** @param {string} text */
  send(text) {
    this.#socket.send(text);
  }

  /** Resolves when the answer has come; rejects when it is another one. @param {number} id @returns {Promise<void>} */
  ask(id) {
    return new Promise((resolve, reject) => {
      this.#hear = (text) => {
        const answer = this.#dialect.answered(text);
        if (answer === id) resolve();
        // A ping of Socket.IO is no answer.
        else if (text !== '2') reject(new Error(`message ${id} was answered with ${text}`));
      };
      this.send(this.#dialect.ask(id));
    });
  }

  async close() {
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#socket.terminate();
    await closed;
  }
}

/** @param {string} kind @param {number} port @param {number} count @returns {Promise<Asker[]>} */
export async function openAskers(kind, port, count) {
  const askers = [];
  for (let first = 0; first < count; first += 50) {
    const group = Array.from(
      { length: Math.min(50, count - first) },
      (_, index) => new Asker(kind, port, first + index),
    );
    await Promise.all(group.map((asker) => asker.ready()));
    askers.push(...group);
  }
  return askers;
}
