import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
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

/** A backend that has `/socket/config` from another one, changed. */
export async function changedConfigOf(
  { url }: Host,
  change: (config: { key: string; options: Record<string, unknown> }) => unknown,
): Promise<string> {
  const answer = await fetch(`${url}/socket/config`);
  const config = (await answer.json()) as { key: string; options: Record<string, unknown> };
  const endpoint = (path: string) => ({ endpoint: `${url}/socket/${path}`, transport: 'ajax' });
  const own = {
    ...config,
    options: {
      ...config.options,
      channelAuthorization: endpoint('auth'),
      userAuthentication: endpoint('user-auth'),
    },
  };
  return answering(200, 'application/json', JSON.stringify(change(own)));
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
