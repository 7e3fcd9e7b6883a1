import { createHmac } from 'node:crypto';
import { WebSocket } from 'ws';

/** The number of connections from one address, because an address has a limited number of ports. */
const PER_ADDRESS = 16_384;

/**
 * The server that clients connect to, and its app.
 *
 * @typedef {{ url: string, dialect?: string, app?: App }} Target
 * @typedef {{ id: string, key: string, secret: string }} App
 *
 * @typedef {{ event?: (client: Client, frame: Buffer) => void, protocol?: (frame: any) => void,
 *   failed: (error: Error) => void }} Listeners
 */

/** A browser that costs little more than a socket: it has only the part of a protocol that the load needs, and signs for itself. */
export class Client {
  #socket;
  /** The functions that wait for an answer, by the answer's key. @type {Map<string, (data: any) => void>} */
  #awaited = new Map();
  #isClosing = false;
  #app;
  /** Its id on the server. */
  socketId = '';
  /** The last sequence number that it got. */
  heard = 0;
  /** The number of events that it got of each batch. @type {Uint8Array | undefined} */
  heardOf;

  /**
   * @param {string} address
   * @param {App} app
   * @param {(frame: Buffer) => void} hear
   * @param {Listeners['failed']} failed
   * @param {number} index which one it is of many
   */
  constructor(address, app, handle, failed, index) {
    this.#app = app;
    this.#socket = new WebSocket(address, {
      perMessageDeflate: false,
      skipUTF8Validation: true,
      // Only for many connections, because not every system has more than one loopback address.
      ...(index >= PER_ADDRESS && { localAddress: `127.0.0.${1 + Math.floor(index / PER_ADDRESS)}` }),
    });
    this.#socket.on('message', (/** @type {Buffer} */ frame) => {
      try {
        handle(frame);
      } catch (error) {
        failed(/** @type {Error} */ (error));
      }
    });
    this.#socket.on('error', failed);
    this.#socket.on('close', (code) => {
      if (!this.#isClosing) failed(new Error(`a connection was closed with ${code}`));
    });
  }

  /** Resolves when the connection is closed. */
  async close() {
    this.#isClosing = true;
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#socket.close();
    await closed;
  }

  /** @param {string} text */
  sign(text) {
    return `${this.#app.key}:${createHmac('sha256', this.#app.secret).update(text).digest('hex')}`;
  }

  /** @param {string} text */
  send(text) {
    this.#socket.send(text);
  }

  /** Waits for an answer. @param {string} key @returns {Promise<any>} */
  reply(key) {
    return new Promise((resolve) => void this.#awaited.set(key, resolve));
  }

  /**
   * Passes an answer to the function that waits for it.
   *
   * @param {string} key
   * @param {() => unknown} read
   */
  answered(key, read) {
    const resolve = this.#awaited.get(key);
    if (resolve === undefined) return;
    this.#awaited.delete(key);
    resolve(read());
  }
}
