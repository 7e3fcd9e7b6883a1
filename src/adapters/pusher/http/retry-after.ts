import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Clock } from '../../../ports/clock.js';

const RESPONSES = 'http.client.response.finish';

/** The longest pause that is accepted: a wrong number must not stop an application for a day. */
const MAX_PAUSE_MS = 60_000;

/**
 * The pause that the server has asked for, with the `Retry-After` of its last 429 or 503. The SDK's errors have no headers,
 * so a diagnostics channel of Node reports the responses. Only those of the given agent are read.
 */
export class RetryAfter {
  readonly #agent: Agent;
  readonly #clock: Clock;
  #until = 0;

  constructor(agent: Agent, clock: Clock) {
    this.#agent = agent;
    this.#clock = clock;
    subscribe(RESPONSES, this.#readResponse);
  }

  /** The rest of the pause in milliseconds; `undefined` when there is none. */
  get milliseconds(): number | undefined {
    const left = this.#until - this.#clock.now();
    return left > 0 ? Math.ceil(left) : undefined;
  }

  close(): void {
    unsubscribe(RESPONSES, this.#readResponse);
  }

  readonly #readResponse = (message: unknown): void => {
    const { request, response } = message as {
      request: ClientRequest & { agent?: unknown };
      response: IncomingMessage;
    };
    if (request.agent !== this.#agent || (response.statusCode !== 429 && response.statusCode !== 503)) return;
    const milliseconds = retryAfterMs(response.headers['retry-after'], this.#clock.time());
    if (milliseconds !== undefined) this.#until = this.#clock.now() + Math.min(milliseconds, MAX_PAUSE_MS);
  };
}

/** Reads the header's value: a number of seconds, or a date. */
function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const milliseconds = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - now;
  return milliseconds > 0 ? milliseconds : undefined;
}
