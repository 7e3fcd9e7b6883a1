import { type Admission, AuthorizeChannel, type ChannelAuthorizer, type Identity } from 'nestjs-switchboard';
import type { ManagerOptions, SocketOptions } from 'socket.io-client';
import { type SocketApp, startSocketApp } from '../../support/socket-app.js';
import {
  connected,
  openSocketIo,
  type SocketIoBrowser,
  socketIoPage,
} from '../../support/socket-io-browser.js';
import { onTeardown } from '../../support/teardown.js';

/** Admits every member to presence channels, with the member's own info. */
@AuthorizeChannel('presence-{room}')
export class Rooms implements ChannelAuthorizer {
  authorize(): Admission {
    return true;
  }
}

/** Admits a member to the orders that begin with the member's id. */
@AuthorizeChannel('private-orders.{order}')
export class Orders implements ChannelAuthorizer {
  authorize({ id }: Identity, { order }: { order: string }): Admission {
    return order.startsWith(id);
  }
}

/** The balancer of two nodes keeps no polling session on one of them. */
const ON_NODES =
  (globalThis.SWITCHBOARD_TEST_NODES ?? 1) > 1 ? ({ transports: ['websocket'] } as const) : undefined;

/** Starts an application on `socket-io`, with these authorizers. It is closed when the test is over. */
export async function startHost(options: Parameters<typeof startSocketApp>[0] = {}): Promise<SocketApp> {
  const host = await startSocketApp({
    provider: 'socket-io',
    providers: [Rooms, Orders],
    ...options,
    socketIo: { handshakeHeaders: ['x-member'], ...ON_NODES, ...options.socketIo },
  });
  onTeardown(() => host.close());
  return host;
}

type Options = Partial<ManagerOptions & SocketOptions>;

/** Opens a member's page, which leaves when the test is over. */
export async function pageOf(url: string, memberId: string, options: Options = {}): Promise<SocketIoBrowser> {
  const page = await openSocketIo(url, memberId, options);
  onTeardown(() => page.leave());
  return page;
}

/** Makes a page that is not connected yet, which leaves when the test is over. */
export function newPage(url: string, options: Options = {}): SocketIoBrowser {
  const page = socketIoPage(url, options);
  onTeardown(() => page.leave());
  return page;
}

/** The error with which a page is refused. */
export async function refusalOf(page: SocketIoBrowser): Promise<{ message: string; data?: unknown }> {
  try {
    await connected(page);
  } catch (error) {
    return error as { message: string; data?: unknown };
  }
  throw new Error('The page was let in');
}

/** The next event `pusher:<name>` of a page; those before it are skipped. */
export async function protocolEvent(page: SocketIoBrowser, name: string) {
  for (;;) {
    const event = await page.nextOfProtocol();
    if (event.event === `pusher:${name}`) return event;
  }
}
