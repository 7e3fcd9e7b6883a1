// This is the one file of the gateway that knows Nest.
import { WsAdapter } from '@nestjs/platform-ws';
import type { WebSocketServer } from 'ws';

/**
 * `@nestjs/platform-ws` as the gateway uses it: for itself only, so the host application's own WebSocket adapter,
 * whichever it is, stays in force. Two of its habits would hurt a host and are taken off: it destroys upgrades it does
 * not know, and it logs every client's broken frame as an error.
 */
export class GatewayWsAdapter extends WsAdapter {
  /** A WebSocket server without a port of its own: upgrades are handed to it. */
  createServer(frameBytes: number): WebSocketServer {
    return this.create(0, {
      maxPayload: frameBytes,
      perMessageDeflate: false,
      path: '/',
    }) as WebSocketServer;
  }

  /** Upgrades come from the `ServerRouter`. */
  protected override ensureHttpServerExists(): undefined {
    return undefined;
  }

  /** A client's error is the client's: the connection closes, and `close` is all that anybody has to hear. */
  override bindErrorHandler(server: WebSocketServer): WebSocketServer {
    server.on('connection', (socket) => socket.on('error', () => undefined));
    return server;
  }
}
