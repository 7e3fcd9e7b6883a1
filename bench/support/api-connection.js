import { connect } from 'node:net';

/**
 * One connection for one request after the other. It stays open as long as the server allows, and reads only the necessary part
 * of an answer.
 */
export class ApiConnection {
  /** @type {import('node:net').Socket | undefined} */
  #socket;
  #received = '';
  /** The number of requests without an answer, including the one that was sent. */
  #waiting = 0;
  /** @type {Promise<void>} */
  #last = Promise.resolve();
  #answered = () => undefined;
  #failed;

  /**
   * @param {string} host
   * @param {number} port
   * @param {(error: Error) => void} failed
   */
  constructor(host, port, failed) {
    this.host = host;
    this.port = port;
    this.#failed = failed;
  }

  /** Resolves when it is connected. */
  async open() {
    const socket = connect(this.port, this.host).setNoDelay(true);
    socket.on('error', this.#failed).on('data', (bytes) => this.#read(bytes));
    this.#socket = socket;
    await new Promise((resolve) => socket.once('connect', resolve));
  }

  /**
   * Sends a request, at once or after the answer to the one before.
   *
   * @param {Buffer} request
   * @returns {Promise<void>} resolves when it was answered with 200
   */
  send(request) {
    this.#last =
      this.#waiting++ === 0 ? this.#exchange(request) : this.#last.then(() => this.#exchange(request));
    return this.#last;
  }

  close() {
    this.#socket?.destroy();
  }

  /** @param {Buffer} request */
  async #exchange(request) {
    const answered = new Promise((resolve) => (this.#answered = () => void resolve(undefined)));
    if (this.#socket === undefined) await this.open();
    this.#socket?.write(request);
    await answered;
    this.#waiting--;
  }

  /** @param {Buffer} bytes */
  #read(bytes) {
    this.#received += bytes.toString('latin1');
    const end = this.#received.indexOf('\r\n\r\n') + 4;
    if (end < 4) return;
    const head = this.#received.slice(0, end);
    const length = /^content-length: *(\d+)/im.exec(head)?.[1];
    const isComplete =
      length === undefined
        ? this.#received.endsWith('\r\n0\r\n\r\n')
        : this.#received.length >= end + Number(length);
    if (!isComplete) return;
    if (!head.startsWith('HTTP/1.1 200')) this.#failed(new Error(`The HTTP API answers: ${this.#received}`));
    this.#received = '';
    if (/^connection: *close/im.test(head)) {
      this.#socket?.destroy();
      this.#socket = undefined;
    }
    this.#answered();
  }
}
