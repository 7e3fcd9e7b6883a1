import { type RawData, WebSocket } from 'ws';
import type { ChannelEngine } from '../../channels/channel-engine.js';
import type { Session } from '../../channels/session.js';
import { ProtocolError } from '../../protocol/codes.js';
import type { WsConnection } from './ws-connection.js';

/**
 * A WebSocket that knows whose it is, so that the same three listeners do for all of them: listeners of their own would be
 * a tenth of what an idle connection takes.
 */
export class GatewaySocket extends WebSocket {
  #engine: ChannelEngine | undefined;
  #session: Session | undefined;
  #connection: WsConnection | undefined;

  /** Hands on what the client says, and that it is gone. */
  tell(engine: ChannelEngine, session: Session, connection: WsConnection): void {
    this.#engine = engine;
    this.#session = session;
    this.#connection = connection;
    this.on('message', heard);
    this.on('close', lost);
  }

  /** Sends a close frame, behind all that was sent before. `ws` itself calls it too, to answer the client's. */
  override close(code?: number, reason?: string | Buffer): void {
    this.#connection?.seal();
    super.close(code, reason);
  }

  /** A client's error is the client's: the connection closes, and that is all that anybody has to hear. */
  ignoreErrors(): void {
    this.on('error', ignored);
  }

  heard(data: RawData, isBinary: boolean): void {
    if (this.#session === undefined) return;
    if (isBinary) {
      this.#engine?.refuse(this.#session, new ProtocolError(null, 'Binary messages are not supported'));
    } else this.#engine?.receive(this.#session, asText(data));
  }

  lost(): void {
    if (this.#session !== undefined) this.#engine?.lost(this.#session);
  }
}

function heard(this: WebSocket, data: RawData, isBinary: boolean): void {
  if (this instanceof GatewaySocket) this.heard(data, isBinary);
}

function lost(this: WebSocket): void {
  if (this instanceof GatewaySocket) this.lost();
}

function ignored(): void {
  // `close` follows.
}

function asText(data: RawData): string {
  if (Buffer.isBuffer(data)) return data.toString();
  return Array.isArray(data) ? Buffer.concat(data).toString() : Buffer.from(data).toString();
}
