import type { ChannelEngine } from '../../channels/channel-engine.js';
import type { Connection } from '../../channels/connection.js';
import type { Session } from '../../channels/session.js';
import type { Frame } from '../../protocol/frame.js';

/** A frame as a client reads it: the data is still text, as on the wire. */
export interface ReceivedFrame {
  readonly event: string;
  readonly channel?: string;
  readonly data?: unknown;
  readonly user_id?: string;
}

/** A client's end of a connection that never touches a network. */
export class MemoryConnection implements Connection {
  /** Every frame the server has sent, oldest first. */
  readonly frames: ReceivedFrame[] = [];
  /** The code the server closed with; `undefined` while open, or when the client left by itself. */
  closeCode: number | undefined;
  readonly #engine: ChannelEngine;
  readonly #session: Session;
  #listener: (frame: ReceivedFrame) => void = () => undefined;

  constructor(
    engine: ChannelEngine,
    readonly id: string,
  ) {
    this.#engine = engine;
    this.#session = engine.open(this);
  }

  get isOpen(): boolean {
    return !this.#session.isClosed;
  }

  /** Calls back with every frame from now on. */
  listen(listener: (frame: ReceivedFrame) => void): void {
    this.#listener = listener;
  }

  /** Sends a frame to the server, through the same text as on the wire. */
  write(event: string, data: unknown, channel?: string): void {
    this.#engine.receive(this.#session, JSON.stringify({ event, channel, data }));
  }

  /** Drops the connection from the client's end. */
  leave(): void {
    this.#engine.lost(this.#session);
  }

  send(frame: Frame): void {
    // Our own engine wrote it a moment ago, so its shape is known.
    const received = JSON.parse(frame.text) as ReceivedFrame;
    this.frames.push(received);
    this.#listener(received);
  }

  close(code: number): void {
    this.closeCode = code;
  }
}
