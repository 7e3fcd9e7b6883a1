import { once } from 'node:events';
import WebSocket from 'ws';
import { EventQueue } from '../../support/event-queue.js';
import { onTeardown } from '../../support/teardown.js';

/** A client without `socket.io-client`, which can send what that would not. */
export class RawSocketIo {
  readonly #packets = new EventQueue<{ readonly text: string }>();
  /** Resolves with the code that the WebSocket was closed with. */
  readonly closed: Promise<number>;

  private constructor(readonly socket: WebSocket) {
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      this.#packets.push({ text: data.toString() });
    });
  }

  /** Opens a WebSocket; it is ended when the test is over. */
  static async open(url: string, headers: Record<string, string> = {}): Promise<RawSocketIo> {
    const address = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
    const client = new RawSocketIo(new WebSocket(address, { headers }));
    onTeardown(() => {
      client.socket.terminate();
    });
    await once(client.socket, 'open');
    return client;
  }

  /** Opens it, and connects as a member. */
  static async connect(url: string, memberId: string): Promise<RawSocketIo> {
    const client = await RawSocketIo.open(url);
    client.send(`40{"headers":{"x-member":"${memberId}"}}`);
    await client.next('40{"sid"');
    return client;
  }

  send(packet: string): void {
    this.socket.send(packet);
  }

  /** The next packet that begins so; those before it are skipped. */
  async next(beginning = ''): Promise<string> {
    for (;;) {
      const { text } = await this.#packets.next();
      if (text.startsWith(beginning)) return text;
    }
  }
}
