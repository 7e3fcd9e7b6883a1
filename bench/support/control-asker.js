import { connect } from 'node:net';

/** Requests events from a server's own process, with one byte for each. */
export class ControlAsker {
  #socket;

  /** @param {import('node:net').Socket} socket */
  constructor(socket) {
    this.#socket = socket;
  }

  /**
   * @param {number} port
   * @param {(error: Error) => void} failed
   */
  static async open(port, failed) {
    const socket = connect(port, '127.0.0.1').setNoDelay(true).on('error', failed);
    await new Promise((resolve) => socket.once('connect', resolve));
    return new ControlAsker(socket);
  }

  /** @param {number} times */
  ask(times) {
    this.#socket.write('.'.repeat(times));
  }

  /** A server does not answer these requests. */
  async answered() {
    // There is no answer to wait for.
  }

  close() {
    this.#socket.destroy();
  }
}
