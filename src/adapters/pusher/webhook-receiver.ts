import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { inject, injectable } from 'inversify';
import { ChannelEventSource } from '../../channels/channel-event-source.js';
import { LOGGER, type SocketLogger } from '../../ports/logger.js';
import { SOCKET_CONFIG, type SocketConfig } from '../../ports/socket-config.js';
import { isWebhookSignedBy, WEBHOOK_KEY_HEADER, WEBHOOK_SIGNATURE_HEADER } from '../../protocol/webhook.js';
import type { ServerAttachment } from '../adapter.js';
import { type Claim, type ServerRoute, ServerRouter } from '../server-router.js';
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
 * answered in front of the application, whose `main.ts` needs no `rawBody` for it.
 *
 * The body counts as JSON whatever its content type says: what is signed is nobody else's.
 */
@injectable()
export class WebhookReceiver implements ServerAttachment, ServerRoute {
  readonly #seen = new RecentSet(REMEMBERED_WEBHOOKS);
  readonly #strangers = new RecentSet(REMEMBERED_NAMES);
  #path = '';
  #detach: () => void = () => undefined;

  constructor(
    @inject(SOCKET_CONFIG) private readonly config: SocketConfig,
    @inject(ChannelEventSource) private readonly source: ChannelEventSource,
    @inject(LOGGER) private readonly logger: SocketLogger,
  ) {}

  attach(server: Server, path = '/socket'): void {
    this.#path = `${path}/webhook`;
    this.#detach = ServerRouter.add(server, this);
  }

  detach(): void {
    this.#detach();
  }

  claimsRequest({ method, url = '', headers }: IncomingMessage): Claim {
    const path = url.split('?', 1)[0]?.replace(/\/$/, '');
    if (method !== 'POST' || path !== this.#path) return 'no';
    return headers[KEY] === this.config.app.key ? 'best' : 'yes';
  }

  takeRequest(request: IncomingMessage, response: ServerResponse): void {
    const answer = ([status, message]: Verdict) => {
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(status === 200 ? {} : { statusCode: status, message }));
    };
    // A request that breaks off can be answered to nobody.
    bodyOf(request).then(
      (body) => {
        answer(this.#receive(request, body));
      },
      () => response.destroy(),
    );
  }

  #receive({ headers }: IncomingMessage, body: Buffer | undefined): Verdict {
    if (body === undefined) return [413, `The body is over ${MAX_BODY_BYTES} bytes`];
    const { [KEY]: key, [SIGNATURE]: signature } = headers;
    if (typeof key !== 'string' || typeof signature !== 'string') {
      return [401, `${WEBHOOK_KEY_HEADER} and ${WEBHOOK_SIGNATURE_HEADER} are required`];
    }
    const { app } = this.config;
    if (key !== app.key || !isWebhookSignedBy(app, signature, body)) return [401, 'The signature is wrong'];
    const webhook = parseWebhookBody(body);
    if (webhook === undefined) return [400, 'The body is not a webhook'];
    if (Math.abs(Date.now() - webhook.timeMs) > TOLERANCE_MS) {
      return [401, 'The webhook is more than ten minutes away from now'];
    }
    // A webhook is posted again when its answer was lost, with the same bytes.
    if (this.#seen.add(signature)) {
      for (const event of webhook.events) this.source.emit(event);
      webhook.unknown.forEach((name) => {
        this.#ignore(name);
      });
    }
    return OK;
  }

  #ignore(name: string): void {
    if (!this.#strangers.add(name)) return;
    this.logger.warn(`A webhook's event is not understood and ignored: ${JSON.stringify(name)}`);
  }
}

const KEY = WEBHOOK_KEY_HEADER.toLowerCase();
const SIGNATURE = WEBHOOK_SIGNATURE_HEADER.toLowerCase();

/** The answer's status, and what is wrong. */
type Verdict = readonly [status: number, message: string];
const OK: Verdict = [200, ''];

/** The whole body; `undefined` when it is too long. Then it is read to its end, so that the answer is heard, but not kept. */
function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
      else chunks.length = 0;
    });
    request.on('end', () => {
      resolve(bytes <= MAX_BODY_BYTES ? Buffer.concat(chunks) : undefined);
    });
    request.on('error', reject);
  });
}
