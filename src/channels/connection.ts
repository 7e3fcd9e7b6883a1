import type { ProtocolError } from '../protocol/codes.js';
import type { Frame } from '../protocol/frame.js';

/** A client's connection, as the engine knows it: a WebSocket on the gateway, an object in a test. */
export interface Connection {
  /** Its Pusher socket id. */
  readonly id: string;
  /** Writes a frame, or drops it when the connection is gone. Never throws. */
  send(frame: Frame): void;
  /** Stops to read from the client, or reads on. Absent where reading cannot stop. */
  pause?(isPaused: boolean): void;
  /**
   * Tells the client of an error in its own way. Absent where it is told by `pusher:error`.
   *
   * @param isRefusal whether the client's last message is refused with it
   */
  tell?(error: ProtocolError, isRefusal: boolean): void;
  /** Told that a message from the client was handled. The answer to a subscription or a signin may still follow. */
  handled?(): void;
  /** Ends the connection. The engine has closed its session already. */
  close(code: number, reason: string): void;
}
