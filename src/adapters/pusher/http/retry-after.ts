import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Clock } from '../../../ports/clock.js';

const RESPONSES = 'http.client.response.finish';

/** The longest that is believed: a wrong number must not silence an application for a day. */
const MOST_MS = 60_000;

/**
 * For how long the server wants to be left alone, as the `Retry-After` of its last 429 or 503 says. The SDK's errors have no
 * headers, so they are looked at as they come in, on the agent's own connections only.
 */
export class RetryAfter {
  readonly #agent: Agent;
  readonly #clock: Clock;
  #until = 0;

  constructor(agent: Agent, clock: Clock) {
    this.#agent = agent;
    this.#clock = clock;
    subscribe(RESPONSES, this.#see);
  }

  /** Milliseconds from now; `undefined` where it has not said so, or they are over. */
  get milliseconds(): number | undefined {
    const left = this.#until - this.#clock.now();
    return left > 0 ? Math.ceil(left) : undefined;
  }

  close(): void {
    unsubscribe(RESPONSES, this.#see);
  }

  readonly #see = (message: unknown): void => {
    const { request, response } = message as {
      request: ClientRequest & { agent?: unknown };
      response: IncomingMessage;
    };
    if (request.agent !== this.#agent || (response.statusCode !== 429 && response.statusCode !== 503)) return;
    const milliseconds = retryAfterMs(response.headers['retry-after'], this.#clock.time());
    if (milliseconds !== undefined) this.#until = this.#clock.now() + Math.min(milliseconds, MOST_MS);
  };
}

/** Seconds, or a date. */
function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const milliseconds = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - now;
  return milliseconds > 0 ? milliseconds : undefined;
}
