import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '../../../ports/clock.js';
import type { AppCredentials } from '../../../ports/socket-config.js';
import { isPrivateHost } from '../../../protocol/public-address.js';
import { WEBHOOK_KEY_HEADER, WEBHOOK_SIGNATURE_HEADER, webhookSignature } from '../../../protocol/webhook.js';
import { notPublic, publicLookup } from './public-addresses.js';

/** The settings of posting, besides the URL. */
export interface WebhookPosting {
  readonly app: AppCredentials;
  readonly privateTargets: boolean;
  /** Milliseconds until a request must have been answered. */
  readonly requestMs: number;
}

/** Posts to one URL, over a connection that stays open between requests. Redirects are not followed. */
export class WebhookPoster {
  readonly #url: URL;
  readonly #posting: WebhookPosting;
  readonly #clock: Clock;
  readonly #agent: HttpAgent;
  #isClosed = false;

  constructor(url: URL, posting: WebhookPosting, clock: Clock) {
    this.#url = url;
    this.#posting = posting;
    this.#clock = clock;
    // Certificates are checked even when NODE_TLS_REJECT_UNAUTHORIZED is 0.
    this.#agent =
      url.protocol === 'https:'
        ? new HttpsAgent({ keepAlive: true, rejectUnauthorized: true })
        : new HttpAgent({ keepAlive: true });
  }

  /**
   * Posts a signed body once.
   *
   * @returns the problem, without the URL or a secret in it; `undefined` when the answer is 2xx
   */
  async post(text: string): Promise<string | undefined> {
    if (this.#isClosed) return 'the gateway is closing';
    // Node does not look up an address, so `publicLookup` does not see it.
    const { hostname } = this.#url;
    if (!this.#posting.privateTargets && isPrivateHost(hostname)) {
      return notPublic(hostname.replace(/^\[|\]$/g, ''));
    }
    return this.#send(Buffer.from(text));
  }

  /** Ends every connection, and with it the request in progress. */
  close(): void {
    this.#isClosed = true;
    this.#agent.destroy();
  }

  #send(body: Buffer): Promise<string | undefined> {
    const { app, privateTargets, requestMs } = this.#posting;
    const send = this.#url.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve) => {
      let status: number | undefined;
      let failure = 'no answer';
      const request = send(this.#url, {
        method: 'POST',
        agent: this.#agent,
        headers: {
          'Content-Type': 'application/json',
          [WEBHOOK_KEY_HEADER]: app.key,
          [WEBHOOK_SIGNATURE_HEADER]: webhookSignature(app, body),
        },
        ...(!privateTargets && { lookup: publicLookup() }),
      });
      const timer = this.#clock.after(requestMs, () => {
        request.destroy(new Error(`no answer within ${requestMs} ms`));
      });
      request.on('response', (response) => {
        status = response.statusCode ?? 0;
        // Only the status matters. The body is read to reuse the connection, and may break off.
        response.on('error', () => undefined).resume();
      });
      request.on('error', (error) => {
        failure = codeOrMessage(error);
      });
      request.on('close', () => {
        timer.cancel();
        if (status === undefined) resolve(failure);
        else resolve(status >= 200 && status < 300 ? undefined : `answered with ${status}`);
      });
      request.end(body);
    });
  }
}

/** The error's code, or its message without one: Node's messages may contain what a log must not. */
function codeOrMessage(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
