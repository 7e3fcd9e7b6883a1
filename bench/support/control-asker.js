import { connect } from 'node:net';

/** Asks a server's own process for events, with one byte each. */
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

  /** A server says nothing to this. */
  async answered() {
    // Nothing to wait for.
  }

  close() {
    this.#socket.destroy();
  }
}
