import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { declineUpgrade } from './declined-upgrade.js';

/** Whether a route claims a request: `best` when the request also names the route's own application. */
export type Claim = 'best' | 'yes' | 'no';

/** A part of a server's traffic that is answered before the application sees it. */
export interface ServerRoute {
  /** Absent when the route claims no WebSocket upgrade. */
  claimsUpgrade?(request: IncomingMessage): Claim;
  takeUpgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Absent when the route claims no plain request. */
  claimsRequest?(request: IncomingMessage): Claim;
  takeRequest?(request: IncomingMessage, response: ServerResponse): void;
}

type Emit = (this: Server, event: string, ...args: unknown[]) => boolean;

const routers = new WeakMap<Server, ServerRouter>();

/**
 * Shares an application's HTTP server with the routes of this package.
 *
 * Other libraries listen to `upgrade` too, and some destroy every socket they do not know (`@nestjs/platform-ws` at once,
 * engine.io after a second); the application answers every request it does not know with 404. Node calls all listeners, so
 * those must never see the gateway's traffic. The router therefore checks each event before the server emits it. An event
 * that no route claims is emitted as if the router were not there.
 */
export class ServerRouter {
  readonly #server: Server;
  readonly #routes = new Set<ServerRoute>();
  readonly #emit: Emit;
  readonly #intercept: Emit;

  /** Adds a route to a server; the returned function removes it. */
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
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the server as `this`, and restored unchanged
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
   * Answers an upgrade that no route has claimed, when nothing else listens to `upgrade` and could answer it. A WebSocket is
   * passed to a gateway, whose refusal stops the client. A request that merely offers an upgrade (`curl --http2` and Java's
   * client offer h2c) is served as a plain request: without this listener Node would have done the same.
   */
  readonly #answerUnclaimed = (request: IncomingMessage, socket: Socket, head: Buffer): void => {
    if (this.#server.listenerCount('upgrade') > 1) return;
    const route = [...this.#routes].find((candidate) => candidate.takeUpgrade !== undefined);
    if (request.headers.upgrade?.toLowerCase() === 'websocket' && route !== undefined) {
      route.takeUpgrade?.(request, socket, head);
      return;
    }
    declineUpgrade(this.#server, request, socket, head);
  };

  #uninstall(): void {
    routers.delete(this.#server);
    this.#server.off('upgrade', this.#answerUnclaimed);
    // A library that has wrapped `emit` since then still calls this one, which passes every event on without routes.
    if (this.#server.emit === this.#intercept) this.#server.emit = this.#emit;
  }
}
