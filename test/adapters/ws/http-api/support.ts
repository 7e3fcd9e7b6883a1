import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, request, type RequestOptions } from 'node:http';
import { HttpApi } from '../../../../src/adapters/ws/http-api/http-api.js';
import { socketConfig } from '../../../../src/config/socket-config.js';
import type { GatewayLimits } from '../../../../src/ports/socket-config.js';
import { APP, EngineSession } from '../../../support/engine-session.js';
import { portOf } from '../../../support/host.js';
import type { Credentials } from '../../../support/signing.js';
import { onTeardown } from '../../../support/teardown.js';

export { APP };

/** The parts of a request besides its method and its path. */
export interface RequestParts {
  readonly params?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: object | string | Buffer;
  /** Unix seconds; the API's own time unless told otherwise. */
  readonly timestamp?: number;
  /** Changes the parameters before they are signed. */
  readonly beforeSigning?: (query: Record<string, string>) => void;
  /** Changes them after. */
  readonly afterSigning?: (query: Record<string, string>) => void;
  /** The text to sign instead of the path. */
  readonly signedPath?: string;
}

/** An answer, its JSON read where it is JSON. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

/** The bytes of a body. */
export function bytesOf(body: RequestParts['body']): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

/** A signed URL below the host. The tests sign by themselves: a mistake in the code under test must not sign too. */
export function signedUrl(app: Credentials, method: string, path: string, parts: RequestParts = {}): string {
  const body = bytesOf(parts.body);
  const query: Record<string, string> = {
    ...parts.params,
    auth_key: app.key,
    auth_timestamp: String(parts.timestamp ?? Math.floor(Date.now() / 1_000)),
    auth_version: '1.0',
    ...(body.length > 0 && { body_md5: createHash('md5').update(body).digest('hex') }),
  };
  parts.beforeSigning?.(query);
  const plain = Object.entries(query)
    .map(([name, value]) => `${name.toLowerCase()}=${value}`)
    .sort()
    .join('&');
  query['auth_signature'] = createHmac('sha256', app.secret)
    .update(`${method}\n${parts.signedPath ?? path}\n${plain}`)
    .digest('hex');
  parts.afterSigning?.(query);
  return `${path}?${new URLSearchParams(query).toString()}`;
}

/** Asks a server, and reads what it answers. */
export async function ask(url: string, method: string, body?: RequestParts['body']): Promise<Answer> {
  const response = await fetch(url, { method, ...(body !== undefined && { body: bytesOf(body) }) });
  const text = await response.text();
  const isJson = response.headers.get('content-type') === 'application/json';
  return {
    status: response.status,
    body: isJson ? (JSON.parse(text) as unknown) : text,
    headers: response.headers,
  };
}

/** The API in front of an engine whose clock stands still, on a server that has nothing else. */
export class Api {
  private constructor(
    readonly session: EngineSession,
    readonly api: HttpApi,
    readonly port: number,
  ) {}

  static async start(limits: Partial<GatewayLimits> = {}): Promise<Api> {
    const session = new EngineSession({ presenceGraceMs: 0, limits });
    const logger = {
      log: () => undefined,
      warn: () => undefined,
      error: (message: string) => session.errors.push(message),
    };
    const config = socketConfig(
      {},
      { provider: 'ws', app: APP, httpApi: { enabled: true }, gateway: { limits } },
    );
    const api = new HttpApi(session.engine, config, session.clock, logger);
    const server = createServer((_request, response) => {
      response.writeHead(418, { 'Content-Length': 0 }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await api.attach(server);
    onTeardown(async () => {
      expect(session.errors).toEqual([]);
      await api.close();
      void session.engine.close();
      server.closeAllConnections();
      server.close();
    });
    return new Api(session, api, portOf(server));
  }

  /** The API's time, in Unix seconds. */
  get time(): number {
    return Math.floor(this.session.clock.now() / 1_000);
  }

  /** A signed path of this API. */
  signed(method: string, resource: string, parts: RequestParts = {}): string {
    return signedUrl(APP, method, `/apps/${APP.id}${resource}`, { timestamp: this.time, ...parts });
  }

  get(resource: string, parts?: RequestParts): Promise<Answer> {
    return this.send(this.signed('GET', resource, parts), 'GET');
  }

  post(resource: string, body: RequestParts['body'], parts: RequestParts = {}): Promise<Answer> {
    return this.send(
      this.signed('POST', resource, { ...(body !== undefined && { body }), ...parts }),
      'POST',
      body,
    );
  }

  send(path: string, method: string, body?: RequestParts['body']): Promise<Answer> {
    return ask(`http://127.0.0.1:${this.port}${path}`, method, body);
  }

  /** A request whose body is written piece by piece, or never ends. */
  open(path: string, options: RequestOptions = {}): OpenRequest {
    return new OpenRequest(this.port, path, options);
  }
}

/** A request that is under way. */
export class OpenRequest {
  readonly request;
  /** The answer, and its text. */
  readonly answered: Promise<{ response: IncomingMessage; text: string }>;
  /** Resolves once the connection is over. */
  readonly closed: Promise<unknown>;

  constructor(port: number, path: string, options: RequestOptions) {
    this.request = request({ port, path, method: 'POST', ...options });
    onTeardown(() => this.request.destroy());
    this.request.on('error', () => undefined);
    this.closed = new Promise((resolve) =>
      this.request.on('socket', (socket) => socket.on('close', resolve)),
    );
    this.answered = new Promise((resolve, reject) => {
      this.request.on('close', () => {
        reject(new Error('closed without an answer'));
      });
      this.request.on('response', (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => {
          resolve({ response, text });
        });
      });
    });
    this.answered.catch(() => undefined);
  }
}
