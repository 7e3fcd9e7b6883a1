import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { EventQueue } from '../../support/event-queue.js';
import { whenTestEnds } from './teardown.js';

/** A request whose signature was right. */
export interface SignedRequest {
  readonly method: string | undefined;
  readonly path: string;
  readonly body: unknown;
}

/** The part of hosted Pusher that a relay needs: takes what is rightly signed, refuses the rest, remembers both. */
export interface PusherApi {
  readonly port: number;
  readonly taken: EventQueue<SignedRequest>;
  /** The paths of the requests that were refused. */
  readonly refused: readonly string[];
}

/** Serves on loopback until the test is over. */
export async function startPusherApi(app: { key: string; secret: string }): Promise<PusherApi> {
  const taken = new EventQueue<SignedRequest>();
  const refused: string[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://pusher');
      if (isSigned(request, pathname, searchParams, body, app)) {
        taken.push({ method: request.method, path: pathname, body: JSON.parse(body) });
        response.end('{}');
      } else {
        refused.push(pathname);
        response.writeHead(401).end('Invalid signature');
      }
    });
  }).listen(0, '127.0.0.1');
  whenTestEnds(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, taken, refused };
}

function isSigned(
  { method = '' }: IncomingMessage,
  path: string,
  query: URLSearchParams,
  body: string,
  { key, secret }: { key: string; secret: string },
): boolean {
  const signed = [...query]
    .map(([name, value]) => `${name.toLowerCase()}=${value}`)
    .filter((pair) => !pair.startsWith('auth_signature='))
    .sort()
    .join('&');
  const expected = createHmac('sha256', secret).update(`${method}\n${path}\n${signed}`).digest();
  const given = Buffer.from(query.get('auth_signature') ?? '', 'hex');
  return (
    given.length === expected.length &&
    timingSafeEqual(given, expected) &&
    query.get('auth_key') === key &&
    query.get('auth_version') === '1.0' &&
    query.get('body_md5') === createHash('md5').update(body).digest('hex') &&
    Math.abs(Date.now() / 1000 - Number(query.get('auth_timestamp'))) <= 600
  );
}
