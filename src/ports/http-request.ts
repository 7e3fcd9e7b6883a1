import type { IncomingHttpHeaders } from 'node:http';

/** The part of an HTTP request that Express and Fastify have in common. */
export interface HttpRequest {
  readonly headers: IncomingHttpHeaders;
}
