import type { Socket } from 'node:net';

/**
 * Breaks a connection without a word. One that is just being ended cannot be reset: Node 20 then loses the handle, and
 * waits for it for ever when the process ends.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded || socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}
