import type { IncomingHttpHeaders } from 'node:http';

/** The part of an HTTP request that Express and Fastify have in common. */
export interface HttpRequest {
  readonly headers: IncomingHttpHeaders;
  /**
   * The `auth` that a Socket.IO client has sent with its handshake. It is from the client, and so it can say anything.
   * @default undefined, it is an HTTP request
   */
  readonly handshakeAuth?: Readonly<Record<string, unknown>>;
}
