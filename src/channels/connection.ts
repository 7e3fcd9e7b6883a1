import type { Frame } from '../protocol/frame.js';

/** All that the engine knows of a client: a WebSocket on the gateway, an object in a test. */
export interface Connection {
  /** Its Pusher socket id. */
  readonly id: string;
  /** Writes a frame, or drops it when the connection is gone. Never throws. */
  send(frame: Frame): void;
  /** Reads no more, or reads on: what the client sent last is not answered yet. */
  pause?(isPaused: boolean): void;
  /** Ends the connection. The engine has let go of it already. */
  close(code: number, reason: string): void;
}
