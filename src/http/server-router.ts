import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';

/** How much of a request is a route's own: `best` when it also names the route's own application. */
export type Claim = 'best' | 'yes' | 'no';

/** A part of a server's traffic that is answered in front of the application. */
export interface ServerRoute {
  /** What it wants of a WebSocket upgrade. Absent, it wants none. */
  claimsUpgrade?(request: IncomingMessage): Claim;
  takeUpgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** What it wants of a plain request. Absent, it wants none. */
  claimsRequest?(request: IncomingMessage): Claim;
  takeRequest?(request: IncomingMessage, response: ServerResponse): void;
}

type Emit = (this: Server, event: string, ...args: unknown[]) => boolean;

const routers = new WeakMap<Server, ServerRouter>();

/**
 * Shares an application's HTTP server with the routes of this package.
 *
 * Other libraries listen to `upgrade` too, and some destroy every socket they do not know (`@nestjs/platform-ws` at once,
 * engine.io after a second); an application answers every request it does not know with 404. Node calls all listeners, so
 * a gateway embedded in a host's server is only safe if those never see its traffic: the router looks at an event before
 * the server emits it, and whatever no route claims goes on as if the router were not there.
 */
export class ServerRouter {
  readonly #server: Server;
  readonly #routes = new Set<ServerRoute>();
  readonly #emit: Emit;
  readonly #intercept: Emit;

  /** Adds a route to a server; the returned function takes it away again. */
  static add(server: Server, route: ServerRoute): () => void {
    const router = routers.get(server) ?? new ServerRouter(server);
    routers.set(server, router);
    router.#routes.add(route);
    return () => {
      if (router.#routes.delete(route) && router.#routes.size === 0) router.#uninstall();
    };
  }

  private constructor(server: Server) {
    this.#server = server;
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the server as `this`, and put back as it was
    const emit: Emit = (this.#emit = server.emit);
    this.#intercept = (event, ...args) => {
      if (event === 'request' || event === 'upgrade') {
        const [request, ...rest] = args as [IncomingMessage, ...unknown[]];
        if (event === 'upgrade' ? this.#upgrade(request, rest) : this.#request(request, rest)) return true;
      }
      return emit.call(server, event, ...args);
    };
    server.emit = this.#intercept;
    server.on('upgrade', this.#answerUnclaimed);
  }

  #upgrade(request: IncomingMessage, rest: unknown[]): boolean {
    const route = this.#find((candidate) => candidate.claimsUpgrade?.(request));
    route?.takeUpgrade?.(request, ...(rest as [Duplex, Buffer]));
    return route !== undefined;
  }

  #request(request: IncomingMessage, rest: unknown[]): boolean {
    const route = this.#find((candidate) => candidate.claimsRequest?.(request));
    route?.takeRequest?.(request, ...(rest as [ServerResponse]));
    return route !== undefined;
  }

  #find(claimOf: (route: ServerRoute) => Claim | undefined): ServerRoute | undefined {
    let claimed: ServerRoute | undefined;
    for (const route of this.#routes) {
      const claim = claimOf(route);
      if (claim === 'best') return route;
      if (claim === 'yes') claimed ??= route;
    }
    return claimed;
  }

  /**
   * Node emits `upgrade` only while somebody listens. Where nobody else does, nobody else will answer either: then a
   * WebSocket is a gateway's to refuse in words that stop its client, and a request that merely offers an upgrade
   * (`curl --http2` and Java's client offer h2c) is served as the plain request it would be without this listener.
   */
  readonly #answerUnclaimed = (request: IncomingMessage, socket: Socket, head: Buffer): void => {
    if (this.#server.listenerCount('upgrade') > 1) return;
    const route = [...this.#routes].find((candidate) => candidate.takeUpgrade !== undefined);
    if (request.headers.upgrade?.toLowerCase() === 'websocket' && route !== undefined) {
      route.takeUpgrade?.(request, socket, head);
      return;
    }
    // Read once more from the beginning, this time without the offer.
    socket.unshift(Buffer.concat([Buffer.from(withoutUpgrade(request), 'latin1'), head]));
    // A TLS server would begin a second handshake inside the first.
    this.#server.emit(this.#server instanceof TlsServer ? 'secureConnection' : 'connection', socket);
  };

  #uninstall(): void {
    routers.delete(this.#server);
    this.#server.off('upgrade', this.#answerUnclaimed);
    // Whoever wrapped `emit` after us still calls ours, which passes everything on once it has no routes.
    if (this.#server.emit === this.#intercept) this.#server.emit = this.#emit;
  }
}

/** A request's head as it was sent, less what offers the upgrade. */
function withoutUpgrade({ method = 'GET', url = '/', httpVersion, rawHeaders }: IncomingMessage): string {
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (!/^(?:connection|upgrade|http2-settings)$/i.test(name))
      head += `${name}: ${rawHeaders[index + 1] ?? ''}\r\n`;
  }
  return `${head}\r\n`;
}
