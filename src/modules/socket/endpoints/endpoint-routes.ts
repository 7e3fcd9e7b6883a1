import type { ServerResponse } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { RequestBodies } from '../../../http/request-bodies.js';
import type { HttpRequest } from '../../../ports/http-request.js';
import { LIMITS } from '../../../ports/limits.js';
import type { EndpointAnswer } from './refusal.js';
import { bodyOf, fieldsOf, type ReadableRequest } from './request-fields.js';

/** The fields of a request that Express and Fastify have in common. */
export interface FrameworkRequest extends HttpRequest {
  /** The host with its port. It follows the framework's own setting about proxies. */
  readonly host?: string;
  readonly protocol: string;
  readonly originalUrl: string;
}

/** One endpoint, whatever the framework. */
export interface Endpoint {
  readonly method: 'GET' | 'POST';
  /** The whole path, with the application's global prefix. */
  readonly path: string;
  /**
   * Answers, also when it refuses. It rejects with an error of the application.
   *
   * @param readFields reads the fields of the request's body
   */
  answer(request: FrameworkRequest, readFields: () => Promise<object>): Promise<EndpointAnswer>;
}

/** The part of a Fastify instance that is used here. */
interface FastifyScope {
  register(plugin: (scope: FastifyScope) => Promise<void>): PromiseLike<unknown>;
  removeAllContentTypeParsers(): void;
  addContentTypeParser(
    type: string,
    options: { readonly parseAs: 'buffer'; readonly bodyLimit: number },
    parser: (request: unknown, body: Buffer, done: (error: null, body: Buffer) => void) => void,
  ): void;
  setErrorHandler(handler: (error: unknown, request: unknown, reply: FastifyReply) => unknown): void;
  errorHandler(error: unknown, request: unknown, reply: FastifyReply): unknown;
  route(options: {
    readonly method: string;
    readonly url: string;
    readonly handler: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
  }): void;
}

type FastifyRequest = FrameworkRequest & { readonly body?: unknown };

interface FastifyReply {
  code(status: number): this;
  headers(headers: Readonly<Record<string, string>>): this;
  send(body: string): unknown;
}

type ExpressRequest = FrameworkRequest & ReadableRequest;

type ExpressHandler = (
  request: ExpressRequest,
  response: ServerResponse,
  next: (error: unknown) => void,
) => Promise<void>;

/** The part of an Express application that is used here. */
type ExpressApplication = Readonly<
  Record<'get' | 'post', (path: string, handler: ExpressHandler) => unknown>
>;

/**
 * Serves the endpoints as routes of the HTTP framework, behind the application's middleware and hooks, and beside Nest's
 * controllers. Guards, interceptors and pipes do not run: a cache would give one caller's answer to another, a mapped answer
 * cannot be read by `pusher-js`, and a limit on requests would refuse pages that reconnect. An error that is no refusal goes
 * to the application's exception filters.
 */
export async function serveEndpoints(
  adapter: AbstractHttpAdapter,
  endpoints: readonly Endpoint[],
  bodies: RequestBodies,
): Promise<void> {
  if (adapter.getType() !== 'fastify') {
    for (const endpoint of endpoints) serveOnExpress(adapter, endpoint, bodies);
    return;
  }
  const fastify = adapter.getInstance<FastifyScope>();
  await fastify.register((scope) => {
    serveOnFastify(scope, fastify, endpoints);
    return Promise.resolve();
  });
}

function serveOnExpress(adapter: AbstractHttpAdapter, endpoint: Endpoint, bodies: RequestBodies): void {
  const { method, path } = endpoint;
  const handler: ExpressHandler = async (request, response, next) => {
    try {
      const answer = await endpoint.answer(request, async () =>
        fieldsOf(await bodyOf(request, bodies), request.headers['content-type']),
      );
      response.statusCode = answer.status;
      for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
      // Not by Express's `json`, which an application may have changed.
      response.end(JSON.stringify(answer.body));
    } catch (error) {
      next(error);
    }
  };
  adapter.getInstance<ExpressApplication>()[method === 'GET' ? 'get' : 'post'](path, handler);
}

/** In a scope of its own, where the application's body parsers, or their absence, have no effect. */
function serveOnFastify(scope: FastifyScope, root: FastifyScope, endpoints: readonly Endpoint[]): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser(
    '*',
    { parseAs: 'buffer', bodyLimit: LIMITS.authRequestBytes },
    (_, body, done) => {
      done(null, body);
    },
  );
  // Nest sets the root's handler later than this scope is made.
  scope.setErrorHandler((error, request, reply) => root.errorHandler(error, request, reply));
  for (const endpoint of endpoints) {
    scope.route({
      method: endpoint.method,
      url: endpoint.path,
      handler: async (request, reply) => {
        const { status, headers, body } = await endpoint.answer(request, async () =>
          fieldsOf(request.body, request.headers['content-type']),
        );
        return reply.code(status).headers(headers).send(JSON.stringify(body));
      },
    });
  }
}
