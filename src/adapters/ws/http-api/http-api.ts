import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { inject, injectable } from 'inversify';
import { ChannelEngine } from '../../../channels/channel-engine.js';
import { ApiError } from '../../../http/api-error.js';
import { hasMuchToRead, RequestBodies } from '../../../http/request-bodies.js';
import { RequestTurns } from '../../../http/request-turns.js';
import { type Claim, type ServerRoute, ServerRouter } from '../../../http/server-router.js';
import { CLOCK, type Clock } from '../../../ports/clock.js';
import { ClusterUnreachableError } from '../../../ports/cluster.js';
import { LIMITS } from '../../../ports/limits.js';
import { LOGGER, type SocketLogger } from '../../../ports/logger.js';
import { SOCKET_CONFIG } from '../../../ports/socket-config.js';
import { bodyProblem, requestProblem } from '../../../protocol/request-signature.js';
import type { ServerAttachment } from '../../adapter.js';
import type { WsAdapterConfig } from '../ws.settings.js';
import { JsonParts } from './json-parts.js';
import { OwnServer } from './own-server.js';
import { EVENT_BODY_BYTES } from './publishing.js';
import { requestTarget } from './request-target.js';
import { checkParameters, findRoute } from './routes.js';

/**
 * The Pusher HTTP API, with which any Pusher server SDK can publish through the gateway: `<path>/apps/<app id>/…` on the
 * application's server, or on a separate port, where the gateway's path may be left out. Protocol sections 3.13 and 3.14.
 * It is off by default.
 */
@injectable()
export class HttpApi implements ServerAttachment, ServerRoute {
  readonly #engine: ChannelEngine;
  readonly #config: WsAdapterConfig;
  readonly #clock: Clock;
  readonly #logger: SocketLogger;
  readonly #bodies: RequestBodies;
  readonly #turns: RequestTurns;
  /** The paths that may stand before `/apps/`. */
  readonly #prefixes: readonly string[];
  #detach: () => void = () => undefined;
  #ownServer: OwnServer | undefined;

  constructor(
    @inject(ChannelEngine) engine: ChannelEngine,
    @inject(SOCKET_CONFIG) config: WsAdapterConfig,
    @inject(CLOCK) clock: Clock,
    @inject(LOGGER) logger: SocketLogger,
  ) {
    this.#engine = engine;
    this.#config = config;
    this.#clock = clock;
    this.#logger = logger;
    const { gateway, httpApi } = config;
    this.#bodies = new RequestBodies(clock);
    this.#turns = new RequestTurns(gateway.limits.pipelinedRequests);
    this.#prefixes = httpApi.port === undefined ? [gateway.path] : [gateway.path, ''];
  }

  /**
   * Starts to listen where the configuration says: on the application's server, on a separate port, or not at all.
   *
   * @throws SocketConfigurationError when it cannot listen on the separate port
   */
  async attach(server: Server): Promise<void> {
    const { enabled, port } = this.#config.httpApi;
    if (!enabled) return;
    if (port === undefined) this.#detach = ServerRouter.add(server, this);
    else {
      this.#ownServer = await OwnServer.listen(port, this.#logger, this.#clock, (request, response) => {
        this.takeRequest(request, response);
      });
    }
  }

  /** Stops to listen, answers requests whose bodies are incomplete with 503, and resolves when no request is left. */
  async close(): Promise<void> {
    this.#detach();
    this.#bodies.close();
    await this.#ownServer?.close();
  }

  claimsRequest({ url = '' }: IncomingMessage): Claim {
    const prefix = this.#prefixOf(url);
    if (prefix === undefined) return 'no';
    if (url.startsWith(`${prefix}/apps/${this.#config.app.id}/`)) return 'best';
    // With another app's id, only a request that is signed as Pusher signs is claimed: others may be for the application.
    return /[?&]auth_signature=/i.test(url) ? 'yes' : 'no';
  }

  takeRequest(request: IncomingMessage, response: ServerResponse): void {
    this.#answer(request).then(
      (answer) => {
        if (answer instanceof JsonParts) sendParts(response, answer);
        else send(response, 'application/json', JSON.stringify(answer));
      },
      (error: unknown) => {
        this.#refuse(request, response, error);
      },
    );
  }

  async #answer(request: IncomingMessage): Promise<object> {
    const turn = this.#turns.take(request.socket);
    if (turn !== undefined) await turn;
    try {
      return await this.#answerNow(request);
    } finally {
      this.#turns.done(request.socket);
    }
  }

  async #answerNow(request: IncomingMessage): Promise<object> {
    const { method = '', url = '' } = request;
    const prefix = this.#prefixOf(url);
    if (prefix === undefined) throw new ApiError(404, 'Nothing is here; the API is at /apps/<app id>/');
    const target = requestTarget(url, prefix);
    const { app } = this.#config;
    if (target.appId !== app.id) throw new ApiError(404, `No app has the id ${JSON.stringify(target.appId)}`);
    const route = findRoute(target, method);
    // The signature covers the body's MD5, so an unsigned request is refused before its body is read.
    const { path, resource, parameters } = target;
    const signed = { method, path, parameters };
    requireAuthentic(requestProblem(app, signed, this.#clock.time(), path.slice(prefix.length)));
    checkParameters(route, parameters);
    const { maxEventBytes: eventBytes } = this.#config;
    const body = await this.#bodies.read(request, route.bodyBytes * bodyFactor(eventBytes));
    requireAuthentic(bodyProblem(parameters, body));
    return route.answer({
      engine: this.#engine,
      now: this.#clock.now(),
      eventBytes,
      resource,
      parameters,
      body,
    });
  }

  /** Answers in the form of hosted Pusher, with one line of plain text. Protocol section 3.13. */
  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const refusal = this.#refusal(error);
    response.statusCode = refusal.status;
    for (const [name, value] of Object.entries(refusal.headers)) response.setHeader(name, value ?? '');
    if (hasMuchToRead(request, EVENT_BODY_BYTES)) response.setHeader('Connection', 'close');
    send(response, 'text/plain; charset=utf-8', `${refusal.message}\n`);
  }

  #refusal(error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    if (error instanceof ClusterUnreachableError) {
      // An answer about this node alone would be wrong. An event has reached this node's subscribers all the same.
      return new ApiError(503, 'The other nodes of the cluster cannot be reached; try again');
    }
    this.#logger.error(`Unexpected error while answering a request to the Pusher HTTP API: ${String(error)}`);
    return new ApiError(500, 'The request could not be answered');
  }

  #prefixOf(url: string): string | undefined {
    return this.#prefixes.find((prefix) => url.startsWith(`${prefix}/apps/`));
  }
}

/** With a Content-Length, also where the request is a HEAD: SDKs in some languages do not read an answer in chunks. */
function send(response: ServerResponse, type: string, text: string): void {
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(text);
}

function sendParts(response: ServerResponse, { bytes, parts }: JsonParts): void {
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('Content-Length', bytes);
  for (const part of parts) response.write(part);
  response.end();
}

/** @throws ApiError 401 when there is a problem with the signature */
function requireAuthentic(problem: string | undefined): void {
  if (problem !== undefined) throw new ApiError(401, problem);
}

/** The factor on the default size of bodies. Without a limit on an event's data it allows about a megabyte of data. */
function bodyFactor(eventBytes: number): number {
  return eventBytes === 0 ? 100 : Math.max(1, Math.ceil(eventBytes / LIMITS.payloadBytes));
}
