import type { Frame } from '../protocol/frame.js';
import type { Connection } from './connection.js';

/** Stands among a channel's subscribers for a connection that is not told yet that it is one. It keeps the events for it. */
export class Newcomer implements Connection {
  readonly id: string;
  readonly #connection: Connection;
  readonly #frames: Frame[] = [];

  constructor(connection: Connection) {
    this.id = connection.id;
    this.#connection = connection;
  }

  send(frame: Frame): void {
    this.#frames.push(frame);
  }

  close(code: number, reason: string): void {
    this.#connection.close(code, reason);
  }

  /** Sends the connection what was kept for it. */
  handOver(): void {
    for (const frame of this.#frames) this.#connection.send(frame);
  }
}
