import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import Pusher from 'pusher';
import type { ChannelEvent } from '../../src/ports/channel-events.js';
import { EventQueue } from './event-queue.js';
import type { Credentials } from './signing.js';
import { onTeardown } from './teardown.js';

/** A webhook as it was received. */
export interface ReceivedWebhook {
  readonly headers: IncomingHttpHeaders;
  readonly url: string;
  readonly raw: string;
  readonly timeMs: number;
  readonly events: readonly ChannelEvent[];
  /** Whether the real SDK accepts the signature. */
  readonly isValid: boolean;
}

/** How a webhook is answered: with a status, or by hand. */
export type WebhookAnswer = number | ((response: ServerResponse) => void);

/** A real server that webhooks are posted to, with the `pusher` SDK as the judge of their signatures. */
export class WebhookEndpoint {
  readonly connections = new Set<Socket>();
  connectionsEver = 0;
  /** How the next webhooks are answered, in order; 200 when there is nothing left. */
  readonly answers: WebhookAnswer[] = [];
  /** Requests that are being answered at the same time, at most. */
  concurrency = 0;
  readonly #received = new EventQueue<ReceivedWebhook>();
  readonly #released = new EventQueue<Socket>();
  #open = 0;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  private constructor(private readonly app: Credentials) {
    this.#server.on('connection', (socket) => {
      this.connectionsEver++;
      this.connections.add(socket);
      socket.once('close', () => {
        this.connections.delete(socket);
        this.#released.push(socket);
      });
    });
  }

  /** Listens on the loopback interface until the test is over. */
  static async start(app: Credentials, port = 0): Promise<WebhookEndpoint> {
    const endpoint = new WebhookEndpoint(app);
    await new Promise<void>((resolve) => endpoint.#server.listen(port, '127.0.0.1', resolve));
    onTeardown(() => endpoint.stop());
    return endpoint;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  next(): Promise<ReceivedWebhook> {
    return this.#received.next();
  }

  /** Takes webhooks until so many events are there. */
  async events(count: number): Promise<ChannelEvent[]> {
    const events: ChannelEvent[] = [];
    while (events.length < count) events.push(...(await this.next()).events);
    return events;
  }

  /** Resolves when nobody is connected any more. */
  async released(): Promise<void> {
    while (this.connections.size > 0) await this.#released.next();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.concurrency = Math.max(this.concurrency, ++this.#open);
    response.once('close', () => this.#open--);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks).toString();
    const { time_ms, events } = JSON.parse(raw) as { time_ms: number; events: ChannelEvent[] };
    const { id: appId, key, secret } = this.app;
    const sdk = new Pusher({ appId, key, secret, cluster: 'mt1' });
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const isValid = sdk.webhook({ headers, rawBody: raw }).isValid();
    const answer = this.answers.shift() ?? 200;
    if (typeof answer === 'function') answer(response);
    else response.writeHead(answer).end();
    this.#received.push({
      headers: request.headers,
      url: request.url ?? '',
      raw,
      timeMs: time_ms,
      events,
      isValid,
    });
  }
}
