import { type IncomingMessage, OutgoingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
// Not the global one: the application's tests may replace it by one that they run by hand.
import { setImmediate } from 'node:timers';
import { Server as TlsServer } from 'node:tls';

/**
 * Serves a request that offers an upgrade as a plain request: the server reads it again, this time without the offer.
 *
 * It is read in a later turn of the event loop, and after the answers to the requests before it. So one socket has one offer
 * in a turn, however many it has pipelined, and its answers keep their order: Node forgets the pending answers of a socket that
 * it hands over.
 */
export function declineUpgrade(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  // Until the server has the socket again, nobody else listens to its errors.
  const destroy = () => {
    socket.destroy();
  };
  const serve = () => {
    const pending = pendingAnswer(socket);
    if (pending !== undefined) {
      pending.once('close', later);
      return;
    }
    // The answer before has closed the connection, or the client has.
    if (!socket.writable) return;
    socket.off('error', destroy);
    // The answer before has set the timeout of a connection that waits for its next request.
    socket.setTimeout(server.timeout);
    if (head.length > 0) socket.unshift(head);
    socket.unshift(Buffer.from(withoutUpgrade(request), 'latin1'));
    readAgain(server, socket);
  };
  const later = () => {
    setImmediate(serve);
  };
  socket.on('error', destroy);
  later();
}

/**
 * Makes the server read a socket as one that has just connected. Only Node's own listener is called: those of others have the socket
 * already, and Nest's adds one to it each time.
 */
function readAgain(server: Server, socket: Socket): void {
  // On a TLS server, `connection` would start a second handshake inside the first.
  const event = server instanceof TlsServer ? 'secureConnection' : 'connection';
  const read = server.listeners(event).find(({ name }) => name === 'connectionListener');
  if (read === undefined) server.emit(event, socket);
  else read.call(server, socket);
}

/** The answer that a socket is busy with. Node has no public name for it. */
function pendingAnswer(socket: Socket): OutgoingMessage | undefined {
  const answer: unknown = Reflect.get(socket, '_httpMessage');
  return answer instanceof OutgoingMessage ? answer : undefined;
}

/** A request's head as it was sent, without the headers that offer the upgrade. */
function withoutUpgrade({ method = 'GET', url = '/', httpVersion, rawHeaders }: IncomingMessage): string {
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (!/^(?:connection|upgrade|http2-settings)$/i.test(name))
      head += `${name}: ${rawHeaders[index + 1] ?? ''}\r\n`;
  }
  return `${head}\r\n`;
}
