import { type RawData, WebSocket } from 'ws';
import type { ChannelEngine } from '../../channels/channel-engine.js';
import type { Session } from '../../channels/session.js';
import { ProtocolError } from '../../protocol/codes.js';
import type { WsConnection } from './ws-connection.js';

/** What a connection is closed with that was not closed at all: it broke. */
const ABNORMAL = 1006;

/** One for all of them: making an error takes longer than refusing with it. */
const BINARY = new ProtocolError(null, 'Binary messages are not supported');

/**
 * A WebSocket that knows whose it is, so that the same three listeners do for all of them: listeners of their own would be
 * a tenth of what an idle connection takes.
 */
export class GatewaySocket extends WebSocket {
  #engine: ChannelEngine | undefined;
  #session: Session | undefined;
  #connection: WsConnection | undefined;
  #isFaulty = false;

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

  /** Answers a ping: `ws` itself calls it, and nobody else does. Who only pings keeps the process busy too. */
  override pong(...pong: Parameters<WebSocket['pong']>): void {
    super.pong(...pong);
    if (this.#session !== undefined) this.#engine?.pinged(this.#session);
  }

  /** A client's error is the client's: the connection closes, and that is all that anybody has to hear. */
  ignoreErrors(): void {
    this.on('error', failed);
  }

  heard(data: RawData, isBinary: boolean): void {
    if (this.#session === undefined) return;
    if (isBinary) {
      this.#engine?.refuse(this.#session, BINARY);
    } else this.#engine?.receive(this.#session, asText(data));
  }

  failed(): void {
    this.#isFaulty = true;
  }

  lost(code: number): void {
    if (this.#session !== undefined) this.#engine?.lost(this.#session, this.#end(code));
  }

  /** Whose end it was, as it is counted. */
  #end(code: number): string {
    if (this.#connection?.isSlow === true) return 'slow_reader';
    if (this.#isFaulty) return 'malformed';
    return code === ABNORMAL ? 'lost' : 'client';
  }
}

function heard(this: WebSocket, data: RawData, isBinary: boolean): void {
  if (this instanceof GatewaySocket) this.heard(data, isBinary);
}

function lost(this: WebSocket, code: number): void {
  if (this instanceof GatewaySocket) this.lost(code);
}

/** Told by `ws` of messages that are none, or too long. `close` follows. */
function failed(this: WebSocket): void {
  if (this instanceof GatewaySocket) this.failed();
}

function asText(data: RawData): string {
  if (Buffer.isBuffer(data)) return data.toString();
  return Array.isArray(data) ? Buffer.concat(data).toString() : Buffer.from(data).toString();
}
