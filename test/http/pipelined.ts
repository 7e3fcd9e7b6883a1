import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTeardown } from '../support/teardown.js';

/** One answer of a server, as it stands on the wire. */
export interface WireAnswer {
  readonly status: number;
  readonly closes: boolean;
  readonly body: string;
}

/** A connection whose client sends requests without waiting for the answers. */
export class PipeliningClient {
  readonly #answers: WireAnswer[] = [];
  #unread = '';

  private constructor(readonly socket: Socket) {
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('data', (text: string) => {
      this.#unread += text;
      while (this.#readOne());
    });
  }

  static async connect(port: number): Promise<PipeliningClient> {
    const socket = connect(port, '127.0.0.1');
    onTeardown(() => socket.destroy());
    await once(socket, 'connect');
    return new PipeliningClient(socket);
  }

  /** The answers, when there are so many, or when the server has closed the connection. Their bodies have a length. */
  async answers(count: number): Promise<readonly WireAnswer[]> {
    await new Promise<void>((resolve) => {
      const check = () => {
        if (this.#answers.length >= count || this.socket.destroyed) resolve();
      };
      this.socket.on('data', check).on('close', check);
      check();
    });
    return [...this.#answers];
  }

  #readOne(): boolean {
    const end = this.#unread.indexOf('\r\n\r\n') + 4;
    if (end < 4) return false;
    const head = this.#unread.slice(0, end);
    const next = end + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    if (this.#unread.length < next) return false;
    const status = Number(head.split(' ', 2)[1]);
    this.#answers.push({
      status,
      closes: /^connection: *close/im.test(head),
      body: this.#unread.slice(end, next),
    });
    this.#unread = this.#unread.slice(next);
    return true;
  }
}

/** The head of a GET, which may offer an upgrade to HTTP/2. */
export function get(path: string, offersUpgrade = false): string {
  const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n';
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${offersUpgrade ? offer : ''}\r\n`;
}

/** Counts how often something happens in one turn of the event loop. */
export class Turns {
  #turn = 0;
  #isOver = false;
  readonly #counts = new Map<unknown, { turn: number; count: number }>();
  /** The most that happened to one thing in one turn. */
  most = 0;

  constructor() {
    const next = () => {
      this.#turn++;
      if (!this.#isOver) setImmediate(next);
    };
    setImmediate(next);
    onTeardown(() => (this.#isOver = true));
  }

  count(thing: unknown): void {
    const known = this.#counts.get(thing);
    const count = known?.turn === this.#turn ? known.count + 1 : 1;
    this.#counts.set(thing, { turn: this.#turn, count });
    this.most = Math.max(this.most, count);
  }
}
