import 'reflect-metadata';
import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { inspect } from 'node:util';
import { pusherAdapter } from '../../../src/adapters/pusher/pusher.adapter.js';
import type { PusherAdapterConfig, PusherConfig } from '../../../src/adapters/pusher/pusher.settings.js';
import { socketConfig } from '../../../src/config/socket-config.js';
import { SocketDeliveryError } from '../../../src/ports/errors.js';
import type { ISocketClient } from '../../../src/ports/socket-client.js';
import { startProvider } from '../../../src/runtime/provider.js';

export const APP = { id: '42', key: 'test-app-key', secret: 'the-secret-nobody-may-see' };

const teardowns: (() => unknown)[] = [];

afterEach(async () => {
  for (const teardown of teardowns.splice(0).reverse()) await teardown();
});

/** Runs after the test, the latest first. */
export function onTeardown(teardown: () => unknown): void {
  teardowns.push(teardown);
}

/** One event on one channel, as the server was asked to publish it. */
export interface Published {
  readonly name: unknown;
  readonly data: unknown;
  readonly channel: unknown;
}

/** One request as the server saw it. */
export interface Received {
  readonly method: string;
  /** As sent: neither decoded nor cleaned. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** Of a single event; a batch has none. */
  readonly channels: readonly unknown[];
  /** The events that it publishes, in order: of a batch each event, of an event to several channels one for each. */
  readonly events: readonly Published[];
  readonly connection: Socket;
}

export interface Answer {
  readonly status?: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

type Handler = (
  request: Received,
  response: ServerResponse,
) => Answer | undefined | 'nothing' | Promise<Answer | undefined | 'nothing'>;

/** A real HTTP server that checks every signature as section 3.14 of the protocol says, and records what it was asked. */
export class HttpApi {
  readonly received: Received[] = [];
  readonly connections = new Set<Socket>();
  readonly #waiting = new Set<() => void>();
  readonly #server = createServer((request, response) => {
    void this.#serve(request, response);
  });

  private constructor(private readonly handler: Handler) {
    this.#server.on('connection', (connection) => {
      this.connections.add(connection);
      connection.once('close', () => {
        this.connections.delete(connection);
        this.#notify();
      });
    });
  }

  /** Starts a server. The handler answers; without one, and where it says nothing, the answer is 200 `{}`. */
  static async start(handler: Handler = () => undefined): Promise<HttpApi> {
    const api = new HttpApi(handler);
    await listen(api.#server);
    onTeardown(() => {
      api.#server.closeAllConnections();
    });
    return api;
  }

  get port(): number {
    return portOf(this.#server);
  }

  /** Everything that was to be published, in the order of the requests. */
  get events(): Published[] {
    return this.received.flatMap(({ events }) => events);
  }

  /** The last parts of the paths that were asked for. */
  get endpoints(): string[] {
    return this.received.map(({ path }) => path.slice(path.lastIndexOf('/') + 1));
  }

  get bodies(): Received['body'][] {
    return this.received.map(({ body }) => body);
  }

  /** Resolves as soon as this is true of the requests received and the connections open. */
  async until(isTrue: (api: this) => boolean): Promise<void> {
    while (!isTrue(this)) {
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
  }

  #notify(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const raw = await bodyOf(request);
    const [path = '', queryText = ''] = (request.url ?? '').split('?');
    const method = request.method ?? '';
    const problem = signatureProblem(method, path, queryText, raw);
    if (problem !== undefined) {
      response.writeHead(401).end(problem);
      return;
    }
    const body = raw === '' ? {} : (JSON.parse(raw) as Readonly<Record<string, unknown>>);
    const received: Received = {
      method,
      path,
      query: Object.fromEntries(pairs(queryText)),
      body,
      channels: listOf(body['channels']),
      events: eventsOf(body),
      connection: request.socket,
    };
    this.received.push(received);
    this.#notify();
    const answer = await this.handler(received, response);
    if (answer === 'nothing') return;
    const { status = 200, headers, body: text = status < 400 ? '{}' : '' } = answer ?? {};
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function eventsOf(body: Received['body']): Published[] {
  const batch = listOf(body['batch']) as readonly Published[];
  const channels = listOf(body['channels']);
  return [
    ...batch.map(({ name, data, channel }) => ({ name, data, channel })),
    ...channels.map((channel) => ({ name: body['name'], data: body['data'], channel })),
  ];
}

function pairs(queryText: string): [key: string, value: string][] {
  return queryText.split('&').map((pair) => {
    const [key = '', ...value] = pair.split('=');
    return [key, value.join('=')];
  });
}

/** The answer of hosted Pusher to a wrong signature: it quotes the text that should have been signed. */
function signatureProblem(method: string, path: string, queryText: string, body: string): string | undefined {
  const given = Object.fromEntries(pairs(queryText));
  const signed = pairs(queryText).filter(([key]) => key !== 'auth_signature');
  const text = [
    method,
    path,
    signed
      .map(([key, value]) => `${key.toLowerCase()}=${value}`)
      .sort()
      .join('&'),
  ].join('\n');
  const signature = createHmac('sha256', APP.secret).update(text).digest('hex');
  const md5 = body === '' ? undefined : createHash('md5').update(body).digest('hex');
  const age = Math.abs(Date.now() / 1000 - Number(given['auth_timestamp']));
  const isRight =
    given['auth_signature'] === signature &&
    given['auth_key'] === APP.key &&
    given['auth_version'] === '1.0' &&
    given['body_md5'] === md5 &&
    age < 600;
  if (isRight) return undefined;
  return (
    `Invalid signature: you should have sent HmacSHA256Hex(${JSON.stringify(text)}, your_secret_key)` +
    `, but you sent "${given['auth_signature'] ?? ''}"`
  );
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString();
}

/** Listens on a free port of the loopback interface until the test is over. */
export async function listen(server: NetServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTeardown(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      }),
  );
  return portOf(server);
}

function portOf(server: NetServer): number {
  return (server.address() as AddressInfo).port;
}

/** A configuration for a server on the loopback interface. Nobody tries anything again: the adapter is on its own. */
export function configFor(port: number, pusher: Partial<PusherConfig> = {}): PusherAdapterConfig {
  const config = socketConfig(
    {},
    {
      provider: 'pusher',
      app: APP,
      broadcastChannel: 'everybody',
      failure: 'throw',
      delivery: { retryDeadlineMs: 0 },
      pusher: { cluster: 'eu' },
    },
  );
  return {
    ...config,
    pusher: {
      host: '127.0.0.1',
      port,
      scheme: 'http',
      timeoutMs: 5_000,
      batching: true,
      envelope: false,
      ...pusher,
    },
  };
}

/** The adapter's client, made as the runtime makes it, with what it wrote to the log. */
export async function startClient(
  port: number,
  pusher: Partial<PusherConfig> = {},
  app: Partial<PusherAdapterConfig['app']> = {},
  encryptionMasterKey?: Buffer,
): Promise<{ client: ISocketClient; log: string[] }> {
  const log: string[] = [];
  const write = (message: string) => void log.push(message);
  const config = {
    ...configFor(port, pusher),
    ...(encryptionMasterKey !== undefined && { encryptionMasterKey }),
  };
  const logger = { log: write, warn: write, error: write };
  const { client } = await startProvider(
    pusherAdapter,
    { ...config, app: { ...config.app, ...app } },
    logger,
  );
  onTeardown(() => client.close());
  return { client, log };
}

/** The error a call ends with. No error may tell a secret. */
export async function failureOf(call: Promise<unknown>): Promise<SocketDeliveryError> {
  const outcome: unknown = await call.then(
    () => 'no error at all',
    (error: unknown) => error,
  );
  if (!(outcome instanceof SocketDeliveryError)) {
    throw new Error(`Expected a SocketDeliveryError, got ${inspect(outcome)}`);
  }
  expectNoSecrets(outcome);
  return outcome;
}

/** Looks into everything an error can show: its message, stack, properties, causes, hidden ones included. */
export function expectNoSecrets(error: unknown): void {
  const everything =
    inspect(error, { depth: Infinity, showHidden: true }) + JSON.stringify(error) + String(error);
  expect(everything).not.toContain(APP.secret);
  expect(everything).not.toContain(APP.key);
  expect(everything).not.toMatch(/auth_|[0-9a-f]{64}/i);
}

/** A promise and its end, for what a test decides. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** So many member ids: `m1`, `m2`, … */
export function members(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `m${index + 1}`);
}
