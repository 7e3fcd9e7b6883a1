import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { inject, injectable } from 'inversify';
import { ChannelEventSource } from '../../../channels/channel-event-source.js';
import { ApiError } from '../../../http/api-error.js';
import { hasMuchToRead, RequestBodies } from '../../../http/request-bodies.js';
import { type Claim, type ServerRoute, ServerRouter } from '../../../http/server-router.js';
import { CLOCK, type Clock } from '../../../ports/clock.js';
import { LOGGER, type SocketLogger } from '../../../ports/logger.js';
import { SOCKET_CONFIG, type SocketConfig } from '../../../ports/socket-config.js';
import {
  isWebhookSignedBy,
  WEBHOOK_KEY_HEADER,
  WEBHOOK_SIGNATURE_HEADER,
} from '../../../protocol/webhook.js';
import type { ServerAttachment } from '../../adapter.js';
import { RecentSet } from './recent-set.js';
import { parseWebhookBody } from './webhook-body.js';

const MAX_BODY_BYTES = 256 * 1024;
/** The tolerance that hosted Pusher itself has for signed requests. Pusher retries a webhook for five minutes. */
const TOLERANCE_MS = 10 * 60_000;
/** The signatures to remember, so that a webhook that is posted twice is handled once. */
const REMEMBERED_SIGNATURES = 10_000;
/** The unknown event names to remember, so that each is logged once. */
const REMEMBERED_NAMES = 100;

/**
 * Receives hosted Pusher's webhooks at `POST <path>/webhook`, and emits their events as channel events. The signature covers
 * the raw bytes of the body, which a framework's body parser does not keep. So the request is answered before the
 * application sees it, and the application's `main.ts` needs no `rawBody`. Therefore the path is always
 * `/<global prefix>/<path>/webhook`: the global prefix's `exclude` and the application's versioning do not apply.
 *
 * The body is read as JSON whatever its content type is: the signature proves that it is a webhook.
 */
@injectable()
export class WebhookReceiver implements ServerAttachment, ServerRoute {
  readonly #config: SocketConfig;
  readonly #source: ChannelEventSource;
  readonly #logger: SocketLogger;
  readonly #clock: Clock;
  readonly #bodies: RequestBodies;
  readonly #signatures = new RecentSet(REMEMBERED_SIGNATURES);
  readonly #unknownNames = new RecentSet(REMEMBERED_NAMES);
  #path = '';
  #detach: () => void = () => undefined;

  constructor(
    @inject(SOCKET_CONFIG) config: SocketConfig,
    @inject(ChannelEventSource) source: ChannelEventSource,
    @inject(LOGGER) logger: SocketLogger,
    @inject(CLOCK) clock: Clock,
  ) {
    this.#config = config;
    this.#source = source;
    this.#logger = logger;
    this.#clock = clock;
    this.#bodies = new RequestBodies(clock);
  }

  attach(server: Server, path = '/socket'): void {
    this.#path = `${path}/webhook`;
    this.#detach = ServerRouter.add(server, this);
  }

  /** Stops to listen, and answers requests whose bodies are incomplete with 503. */
  detach(): void {
    this.#detach();
    this.#bodies.close();
  }

  claimsRequest({ method, url = '', headers }: IncomingMessage): Claim {
    const path = url.split('?', 1)[0]?.replace(/\/$/, '');
    if (method !== 'POST' || path !== this.#path) return 'no';
    return headers[KEY] === this.#config.app.key ? 'best' : 'yes';
  }

  takeRequest(request: IncomingMessage, response: ServerResponse): void {
    this.#receive(request).then(
      () => {
        response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
      },
      (error: unknown) => {
        this.#refuse(request, response, error);
      },
    );
  }

  /** @throws ApiError when the request is refused; without a valid key its body is not read */
  async #receive(request: IncomingMessage): Promise<void> {
    const { app } = this.#config;
    const { [KEY]: key, [SIGNATURE]: signature } = request.headers;
    if (typeof key !== 'string' || typeof signature !== 'string' || signature === '') {
      throw new ApiError(401, `${WEBHOOK_KEY_HEADER} and ${WEBHOOK_SIGNATURE_HEADER} are required`);
    }
    if (key !== app.key) throw new ApiError(401, `${WEBHOOK_KEY_HEADER} is not this application's`);
    const body = await this.#bodies.read(request, MAX_BODY_BYTES);
    if (!isWebhookSignedBy(app, signature, body)) throw new ApiError(401, 'The signature is wrong');
    const webhook = parseWebhookBody(body);
    if (webhook === undefined) throw new ApiError(400, 'The body is not a webhook');
    if (Math.abs(this.#clock.time() - webhook.timeMs) > TOLERANCE_MS) {
      throw new ApiError(401, 'The webhook is more than ten minutes away from now');
    }
    // After a lost answer Pusher posts the same bytes again.
    if (this.#signatures.add(signature)) {
      for (const event of webhook.events) this.#source.emit(event);
      webhook.unknown.forEach((name) => {
        this.#logUnknown(name);
      });
    }
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (!(error instanceof ApiError)) {
      this.#logger.error(`Unexpected error while handling a webhook: ${String(error)}`);
    }
    const { status, message, headers } =
      error instanceof ApiError ? error : new ApiError(500, 'The webhook could not be taken in');
    response.writeHead(status, {
      'Content-Type': 'application/json',
      ...(hasMuchToRead(request, MAX_BODY_BYTES) && { Connection: 'close' }),
      ...headers,
    });
    response.end(JSON.stringify({ statusCode: status, message }));
  }

  #logUnknown(name: string): void {
    if (!this.#unknownNames.add(name)) return;
    this.#logger.warn(`A webhook's event is not understood and ignored: ${JSON.stringify(name)}`);
  }
}

const KEY = WEBHOOK_KEY_HEADER.toLowerCase();
const SIGNATURE = WEBHOOK_SIGNATURE_HEADER.toLowerCase();
