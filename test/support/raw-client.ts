import { type ClientOptions, WebSocket } from 'ws';
import { onTeardown } from './teardown.js';

/** A frame as the server sent it: its data is still text. */
export interface RawFrame {
  readonly event: string;
  readonly channel?: string;
  readonly data?: unknown;
  readonly user_id?: string;
}

/** A WebSocket that can do what a real client never would. Ended after the test. */
export class RawClient {
  readonly #arrived: RawFrame[] = [];
  readonly #waiting: { resolve: (frame: RawFrame) => void; reject: (error: Error) => void }[] = [];
  /** The code and the reason it is closed with. */
  readonly closed: Promise<{ code: number; reason: string }>;

  private constructor(readonly socket: WebSocket) {
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        for (const { reject } of this.#waiting.splice(0)) reject(new Error(`closed with ${code}`));
        resolve({ code, reason: reason.toString() });
      });
    });
    socket.on('error', () => undefined);
    socket.on('message', (data) => {
      const frame = JSON.parse((data as Buffer).toString()) as RawFrame;
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#arrived.push(frame);
      else waiting.resolve(frame);
    });
  }

  static open(url: string, options: ClientOptions = {}): RawClient {
    const socket = new WebSocket(url, options);
    onTeardown(() => {
      socket.terminate();
    });
    return new RawClient(socket);
  }

  /** The next frame, in the order of arrival; rejects when the connection is closed instead. */
  next(): Promise<RawFrame> {
    const frame = this.#arrived.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    if (this.socket.readyState === WebSocket.CLOSED) return Promise.reject(new Error('closed'));
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** The messages that have arrived and were not asked for. */
  get rest(): readonly RawFrame[] {
    return this.#arrived;
  }

  /** Waits for the greeting, and returns the socket id. */
  async greeted(): Promise<string> {
    const { event, data } = await this.next();
    expect(event).toBe('pusher:connection_established');
    return (JSON.parse(data as string) as { socket_id: string }).socket_id;
  }

  say(event: string, data: unknown = {}, channel?: string): void {
    this.socket.send(JSON.stringify({ event, data, channel }));
  }

  /** Asks for an answer and takes it: what the server had to say before has been said by then. */
  async isAnswered(): Promise<void> {
    this.say('pusher:ping');
    expect(await this.next()).toMatchObject({ event: 'pusher:pong' });
  }

  /** The answer to an upgrade instead of 101: an HTTP status, or nothing but a destroyed connection. */
  refusal(): Promise<number | 'destroyed'> {
    return new Promise((resolve, reject) => {
      this.socket.once('unexpected-response', (_request, { statusCode = 0 }) => {
        resolve(statusCode);
        this.socket.terminate();
      });
      this.socket.once('open', () => {
        reject(new Error('the upgrade was accepted'));
      });
      void this.closed.then(() => {
        resolve('destroyed');
      });
    });
  }
}
