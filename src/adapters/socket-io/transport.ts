import { Duplex } from 'node:stream';
import type { Socket } from 'socket.io';

/** A connection of engine.io: one WebSocket, or a session of polls that may become one. */
export type EngineConnection = Socket['conn'];

/** The time that a client has to take the last messages, and to close, before its transport is destroyed. */
export const CLOSE_WAIT_MS = 1_000;

/** The part of a `ws` socket that is used beneath engine.io. */
interface TransportSocket {
  readonly readyState: number;
  once(event: 'close', listener: () => void): unknown;
  pause(): void;
  resume(): void;
  terminate(): void;
}

/** The WebSocket that a connection has now; `undefined` while it polls. */
export function webSocketOf({ transport }: EngineConnection): TransportSocket | undefined {
  const socket: unknown = Reflect.get(transport, 'socket');
  return isTransportSocket(socket) ? socket : undefined;
}

/** The state of a WebSocket that is open. */
const OPEN = 1;

/** The stream beneath an open WebSocket, where nothing waits that engine.io has to write first; otherwise `undefined`. */
export function freeStreamOf(conn: EngineConnection): Duplex | undefined {
  if (!conn.transport.writable || conn.readyState !== 'open') return undefined;
  const socket = webSocketOf(conn);
  if (socket?.readyState !== OPEN) return undefined;
  const stream: unknown = Reflect.get(socket, '_socket');
  return stream instanceof Duplex && stream.writable ? stream : undefined;
}

/** Bounds the time that a polling client has to close. Without it engine.io waits for 30 seconds for a client that has left. */
export function boundClose({ transport }: EngineConnection): void {
  if ('closeTimeout' in transport) transport.closeTimeout = CLOSE_WAIT_MS;
}

/** The id of a connection, which requests name. It is a secret of the client. */
export function engineIdOf(conn: EngineConnection): string {
  return String(Reflect.get(conn, 'id'));
}

function isTransportSocket(value: unknown): value is TransportSocket {
  return (
    typeof value === 'object' &&
    value !== null &&
    'readyState' in value &&
    'pause' in value &&
    'resume' in value &&
    'terminate' in value
  );
}
