import { type SocketModuleOptions, SocketService } from 'nestjs-switchboard';
import { connect, type SwitchboardSocket } from 'nestjs-switchboard/browser';
import { EventQueue } from '../../support/event-queue.js';
import { type Host, startHost } from '../../support/hosts.js';
import { Line } from '../../support/line.js';
import { Pusher, subscribed } from '../../support/pusher-browser.js';
import { onTeardown } from '../../support/teardown.js';

const app = { id: 'app-1', key: 'key-1', secret: 'secret-1' };

/** A backend with two providers, and the lines to its Pusher, which is a gateway of ours in another application. */
export interface ProviderPair {
  readonly backend: Host;
  readonly service: SocketService;
  /** To the HTTP API, and to the WebSockets. */
  readonly api: Line;
  readonly sockets: Line;
  readonly pusher: Host;
  /** The provider in force, as `/socket/config` says. */
  readonly inForce: () => Promise<string>;
}

/** Starts both. */
export async function startTwo(options: SocketModuleOptions): Promise<ProviderPair> {
  const [api, sockets] = [await Line.open(), await Line.open()];
  const backend = await startHost({
    app,
    pusher: {
      host: '127.0.0.1',
      port: api.port,
      scheme: 'http',
      wsHost: '127.0.0.1',
      wsPort: sockets.port,
    },
    ...options,
  });
  const webhooks = { urls: [`${backend.url}/socket/webhook`], privateTargets: true };
  const pusher = await startHost({ provider: 'ws', app, httpApi: { enabled: true }, webhooks });
  const port = Number(new URL(pusher.url).port);
  api.leadTo(port);
  sockets.leadTo(port);
  const service = backend.app.get(SocketService);
  const inForce = async () => {
    const answer = await fetch(`${backend.url}/socket/config`);
    return ((await answer.json()) as { provider: string }).provider;
  };
  return { backend, service, api, sockets, pusher, inForce };
}

/** The events that a page heard. */
export interface Event {
  readonly event: string;
  readonly payload: unknown;
}

/** A page with the helper. */
export class HelperPage {
  readonly #arrivals = new EventQueue<{ provider: string }>();
  readonly #events = new EventQueue<Event>();

  private constructor(readonly socket: SwitchboardSocket<Pusher>) {
    const { connection } = socket.pusher;
    // The helper's own channels are subscribed to anew; the one that comes last says that all are.
    connection.bind('message', ({ event }: { event: string }) => {
      if (event === 'pusher:signin_success') this.#arrivals.push({ provider: socket.provider });
    });
    socket.onMember('MEMBER_MESSAGED', (payload) => {
      this.#events.push({ event: 'MEMBER_MESSAGED', payload });
    });
  }

  static async open({ url }: Host, memberId: string): Promise<HelperPage> {
    const socket = await connect(Pusher, { url, headers: { 'x-member': memberId } });
    onTeardown(() => {
      socket.disconnect();
    });
    return new HelperPage(socket);
  }

  /** The next event, relayed to this page's member. */
  next(): Promise<Event> {
    return this.#events.next();
  }

  /** Waits until it has signed in anew, on this provider. */
  async arrived(provider: string): Promise<void> {
    while ((await this.#arrivals.next()).provider !== provider);
  }
}

/** A page with plain `pusher-js`, which was told once where to connect and stays there. */
export async function openPlainPage(
  { url }: Host,
  memberId: string,
  wsPort: number,
): Promise<{ readonly pusher: Pusher; next(): Promise<Event> }> {
  const auth = (path: string) => ({
    endpoint: `${url}/socket/${path}`,
    transport: 'ajax' as const,
    headers: { 'x-member': memberId },
  });
  const pusher = new Pusher(app.key, {
    cluster: 'none',
    forceTLS: false,
    enabledTransports: ['ws'],
    wsHost: '127.0.0.1',
    wsPort,
    channelAuthorization: auth('auth'),
    userAuthentication: auth('user-auth'),
  });
  onTeardown(() => {
    pusher.disconnect();
  });
  const events = new EventQueue<Event>();
  pusher.user.bind('MEMBER_MESSAGED', (payload: unknown) => {
    events.push({ event: 'MEMBER_MESSAGED', payload });
  });
  const signedIn = new Promise<void>((resolve) => {
    pusher.connection.bind('message', ({ event }: { event: string }) => {
      if (event === 'pusher:signin_success') resolve();
    });
  });
  pusher.signin();
  await subscribed(pusher.subscribe('broadcast'));
  await signedIn;
  return { pusher, next: () => events.next() };
}

export const text = (n: number) => ({ from: 'alan', text: String(n) });
export const heard = (n: number) => ({ event: 'MEMBER_MESSAGED', payload: text(n) });
