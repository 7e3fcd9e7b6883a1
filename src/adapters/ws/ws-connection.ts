import { WebSocket } from 'ws';
import type { Connection } from '../../channels/connection.js';
import { CODES } from '../../protocol/codes.js';
import type { Frame } from '../../protocol/frame.js';

/** `ws` hands the same bytes to every socket, marked as text. */
const TEXT = { binary: false };

/** How long a client may take to answer a close before its socket is ended. */
const CLOSE_WAIT_MS = 1_000;

/** A WebSocket, as the engine sees it. */
export class WsConnection implements Connection {
  constructor(
    private readonly socket: WebSocket,
    readonly id: string,
    /** How much may wait for the client; 0 allows any amount. */
    private readonly bufferedBytes: number,
    private readonly onTooSlow: () => void,
  ) {}

  send(frame: Frame): void {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (this.bufferedBytes !== 0 && this.socket.bufferedAmount + frame.bytes.length > this.bufferedBytes) {
      // Nobody else waits for it, and memory stays bounded. The client comes back after a second.
      this.close(CODES.OVER_CAPACITY, 'The client reads too slowly');
      this.onTooSlow();
      return;
    }
    this.socket.send(frame.bytes, TEXT);
  }

  pause(isPaused: boolean): void {
    // A close has to be read.
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (isPaused) this.socket.pause();
    else this.socket.resume();
  }

  close(code: number, reason: string): void {
    // What it still says is not answered, but its close has to be read.
    this.socket.resume();
    closeSocket(this.socket, code, reason);
  }
}

/** Closes politely, and ends the socket when the client does not answer. */
export function closeSocket(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, reason);
  const timer = setTimeout(() => {
    socket.terminate();
  }, CLOSE_WAIT_MS);
  socket.once('close', () => {
    clearTimeout(timer);
  });
}
