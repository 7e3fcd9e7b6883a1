import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect, type ConnectOptions, type SwitchboardSocket } from 'nestjs-switchboard/browser';
import type { Host } from '../support/hosts.js';
import { Pusher } from '../support/pusher-browser.js';
import { onTeardown } from '../support/teardown.js';

/** Connects the real `pusher-js`, and lets go of it after the test. */
export function connected(options: ConnectOptions): Promise<SwitchboardSocket<Pusher>> {
  return connect(ReleasedPusher, options);
}

/** The `pusher-js` class; whatever is left of a client of it after the test is not left any longer. */
export class ReleasedPusher extends Pusher {
  constructor(...args: ConstructorParameters<typeof Pusher>) {
    super(...args);
    onTeardown(() => {
      this.disconnect();
    });
  }
}

/** A server that is no Switchboard. */
export async function startServer(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  onTeardown(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${portOf(server)}`;
}

/** A server that answers every request alike. */
export function answering(status: number, type: string, body: string): Promise<string> {
  return startServer((_request, response) => {
    response.writeHead(status, { 'Content-Type': type }).end(body);
  });
}

/**
 * A backend in front of another one. It answers a request itself where `answer` says so, and passes on the rest; the gateway is
 * the other's.
 */
export function frontOf(
  { url }: Pick<Host, 'url'>,
  answer: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>,
): Promise<string> {
  return startServer((request, response) => {
    const pass = async () => {
      if (await answer(request, response)) return;
      const names = ['authorization', 'content-type', 'cookie', 'x-member'];
      const headers = names.flatMap((name) => {
        const value = request.headers[name];
        return typeof value === 'string' ? [[name, value] as [string, string]] : [];
      });
      const body = request.method === 'POST' ? await text(request) : null;
      const passed = await fetch(url + (request.url ?? ''), {
        method: request.method ?? 'GET',
        headers,
        body,
      });
      response.writeHead(passed.status, { 'Content-Type': passed.headers.get('content-type') ?? '' });
      response.end(await passed.text());
    };
    // A test may have closed the other one meanwhile.
    pass().catch(() => response.destroy());
  });
}

interface Config {
  readonly key: string;
  readonly options: Record<string, unknown>;
}

/** A backend that has everything from another one, and `/socket/config` changed. */
export function changedConfigOf(host: Host, change: (config: Config) => unknown): Promise<string> {
  return frontOf(host, async (request, response) => {
    if (request.url !== '/socket/config') return false;
    const answer = await fetch(`${host.url}/socket/config`);
    const changed = change((await answer.json()) as Config);
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(changed));
    return true;
  });
}

/** A port that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** Watches a backend's connections. The returned function waits until not one of them is a WebSocket any more. */
export function watchSockets({ topology }: Host): () => Promise<void> {
  const closes: Promise<unknown>[] = [];
  topology.onConnection((socket) => closes.push(once(socket, 'close')));
  return async () => {
    // Connections that `fetch` keeps for later do not count here.
    for (const server of topology.servers) server.closeIdleConnections();
    await Promise.all(closes);
  };
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** Ends a page's connection below `pusher-js`, as a broken line does. */
export function dropConnectionOf(pusher: Pusher): void {
  const { connection } = pusher.connection as unknown as { connection: { close(): void } };
  connection.close();
}

/** Waits for the next signin. */
export function nextSignin(pusher: Pusher): Promise<void> {
  return new Promise((resolve) => {
    pusher.connection.bind('message', ({ event }: { event: string }) => {
      if (event === 'pusher:signin_success') resolve();
    });
  });
}
