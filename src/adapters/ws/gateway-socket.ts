import { type RawData, WebSocket } from 'ws';
import type { ChannelEngine } from '../../channels/channel-engine.js';
import type { Session } from '../../channels/session.js';
import { ProtocolError } from '../../protocol/codes.js';
import type { WsConnection } from './ws-connection.js';

/** The close code that `ws` reports for a connection that broke without a close frame. */
const ABNORMAL = 1006;

/** Shared by all refusals: creating an error takes longer than sending it. */
const BINARY = new ProtocolError(null, 'Binary messages are not supported');

/**
 * A WebSocket that knows its session, so that all of them share the same three listeners: closures for each would be a
 * tenth of an idle connection's memory.
 */
export class GatewaySocket extends WebSocket {
  #engine: ChannelEngine | undefined;
  #session: Session | undefined;
  #connection: WsConnection | undefined;
  #isMalformed = false;

  /** Passes the client's messages, and the end of its connection, to the engine from now on. */
  connect(engine: ChannelEngine, session: Session, connection: WsConnection): void {
    this.#engine = engine;
    this.#session = session;
    this.#connection = connection;
    this.on('message', onMessage);
    this.on('close', onClose);
  }

  /** Sends a close frame, after everything that was sent before. `ws` calls this too, to answer the client's close frame. */
  override close(code?: number, reason?: string | Buffer): void {
    this.#connection?.seal();
    if (this.#session !== undefined && this.#connection?.isSlowReader === true) {
      this.#engine?.countEnd(this.#session, 'slow_reader');
    }
    super.close(code, reason);
  }

  /** Answers a client's ping; only `ws` calls this. Pings count as messages, because a flood of them costs time too. */
  override pong(...pong: Parameters<WebSocket['pong']>): void {
    super.pong(...pong);
    if (this.#session !== undefined) this.#engine?.countMessage(this.#session);
  }

  /** Keeps a client's malformed frames from being thrown as errors: `ws` closes the connection, and that is enough. */
  ignoreErrors(): void {
    this.on('error', onError);
  }

  handleMessage(data: RawData, isBinary: boolean): void {
    if (this.#session === undefined) return;
    if (isBinary) {
      this.#engine?.refuse(this.#session, BINARY);
    } else this.#engine?.receive(this.#session, asText(data));
  }

  handleError(): void {
    this.#isMalformed = true;
  }

  handleClose(code: number): void {
    if (this.#session !== undefined) this.#engine?.connectionLost(this.#session, this.#endReason(code));
  }

  /** The reason of the connection's end, as in `ConnectionCounters.closed`. */
  #endReason(code: number): string {
    if (this.#isMalformed) return 'malformed';
    return code === ABNORMAL ? 'lost' : 'client';
  }
}

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  if (this instanceof GatewaySocket) this.handleMessage(data, isBinary);
}

function onClose(this: WebSocket, code: number): void {
  if (this instanceof GatewaySocket) this.handleClose(code);
}

/** `ws` emits `error` for malformed or oversized messages; `close` follows. */
function onError(this: WebSocket): void {
  if (this instanceof GatewaySocket) this.handleError();
}

function asText(data: RawData): string {
  if (Buffer.isBuffer(data)) return data.toString();
  return Array.isArray(data) ? Buffer.concat(data).toString() : Buffer.from(data).toString();
}
