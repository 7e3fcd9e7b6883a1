import type { Frame } from '../protocol/frame.js';

/** A client's connection, as the engine knows it: a WebSocket on the gateway, an object in a test. */
export interface Connection {
  /** Its Pusher socket id. */
  readonly id: string;
  /** Writes a frame, or drops it when the connection is gone. Never throws. */
  send(frame: Frame): void;
  /** Stops to read from the client, or reads on. Absent where reading cannot stop. */
  pause?(isPaused: boolean): void;
  /** Ends the connection. The engine has closed its session already. */
  close(code: number, reason: string): void;
}
