import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { inject, injectable } from 'inversify';
import { ChannelEventSource } from '../../../channels/channel-event-source.js';
import { CLOCK, type Clock } from '../../../ports/clock.js';
import { LOGGER, type SocketLogger } from '../../../ports/logger.js';
import { SOCKET_CONFIG, type SocketConfig } from '../../../ports/socket-config.js';
import {
  isWebhookSignedBy,
  WEBHOOK_KEY_HEADER,
  WEBHOOK_SIGNATURE_HEADER,
} from '../../../protocol/webhook.js';
import type { ServerAttachment } from '../../adapter.js';
import { ApiError } from '../../../http/api-error.js';
import { hasMuchToRead, RequestBodies } from '../../../http/request-bodies.js';
import { type Claim, type ServerRoute, ServerRouter } from '../../../http/server-router.js';
import { RecentSet } from './recent-set.js';
import { parseWebhookBody } from './webhook-body.js';

const MAX_BODY_BYTES = 256 * 1024;
/** As far from now as hosted Pusher itself lets a signed request be; it retries a webhook for five minutes. */
const TOLERANCE_MS = 10 * 60_000;
/** The signatures and the strange event names that are remembered. */
const REMEMBERED_WEBHOOKS = 10_000;
const REMEMBERED_NAMES = 100;

/**
 * Takes in hosted Pusher's webhooks at `POST <path>/webhook` and hands what they tell to whoever listens to channel
 * events. The signature is over the body's very bytes, which a framework's body parser does not keep; so the request is
 * answered in front of the application, whose `main.ts` needs no `rawBody` for it. Hence the path is always
 * `/<global prefix>/<path>/webhook`: the global prefix's `exclude` and the application's versioning have no part in it.
 *
 * The body counts as JSON whatever its content type says: what is signed is nobody else's.
 */
@injectable()
export class WebhookReceiver implements ServerAttachment, ServerRoute {
  readonly #config: SocketConfig;
  readonly #source: ChannelEventSource;
  readonly #logger: SocketLogger;
  readonly #clock: Clock;
  readonly #bodies: RequestBodies;
  readonly #seen = new RecentSet(REMEMBERED_WEBHOOKS);
  readonly #strangers = new RecentSet(REMEMBERED_NAMES);
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

  /** Stops to listen, and answers what is still arriving with 503. */
  detach(): void {
    this.#detach();
    this.#bodies.giveUp();
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

  /** @throws ApiError for what is not taken; of a stranger's body nothing is read */
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
    // A webhook is posted again when its answer was lost, with the same bytes.
    if (this.#seen.add(signature)) {
      for (const event of webhook.events) this.#source.emit(event);
      webhook.unknown.forEach((name) => {
        this.#ignore(name);
      });
    }
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (!(error instanceof ApiError)) {
      this.#logger.error(`Unexpected error while taking a webhook in: ${String(error)}`);
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

  #ignore(name: string): void {
    if (!this.#strangers.add(name)) return;
    this.#logger.warn(`A webhook's event is not understood and ignored: ${JSON.stringify(name)}`);
  }
}

const KEY = WEBHOOK_KEY_HEADER.toLowerCase();
const SIGNATURE = WEBHOOK_SIGNATURE_HEADER.toLowerCase();
