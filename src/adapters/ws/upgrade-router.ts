import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

/** One gateway's share of a server's upgrades. */
export interface UpgradeRoute {
  /** Whether the request is this gateway's to answer; `best` when it also names this gateway's own application. */
  claims(request: IncomingMessage): 'best' | 'yes' | 'no';
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

type Emit = (this: Server, event: string, ...args: unknown[]) => boolean;

const routers = new WeakMap<Server, UpgradeRouter>();

/**
 * Shares a server's upgrades between the gateways of this package and everybody else's.
 *
 * Other libraries listen to `upgrade` too, and some destroy every socket they do not know (`@nestjs/platform-ws` at once,
 * engine.io after a second). Node calls all listeners, so a gateway embedded in a host's server can only be safe if those
 * never see its upgrades: the router looks at an upgrade before the server emits it, and whatever it does not claim goes
 * on as if it were not there.
 */
export class UpgradeRouter {
  readonly #routes = new Set<UpgradeRoute>();
  readonly #emit: Emit;
  readonly #intercept: Emit;

  /** Adds a route to a server; the returned function takes it away again. */
  static add(server: Server, route: UpgradeRoute): () => void {
    const router = routers.get(server) ?? new UpgradeRouter(server);
    routers.set(server, router);
    router.#routes.add(route);
    return () => {
      router.#routes.delete(route);
      if (router.#routes.size === 0) router.#uninstall();
    };
  }

  private constructor(private readonly server: Server) {
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the server as `this`, and put back as it was
    const emit: Emit = (this.#emit = server.emit);
    this.#intercept = (event, ...args) => {
      const route = event === 'upgrade' ? this.#find(args[0] as IncomingMessage) : undefined;
      if (route === undefined) return emit.call(server, event, ...args);
      route.take(...(args as [IncomingMessage, Duplex, Buffer]));
      return true;
    };
    server.emit = this.#intercept;
    server.on('upgrade', this.#refuseUnclaimed);
  }

  #find(request: IncomingMessage): UpgradeRoute | undefined {
    let claimed: UpgradeRoute | undefined;
    for (const route of this.#routes) {
      const claim = route.claims(request);
      if (claim === 'best') return route;
      if (claim === 'yes') claimed ??= route;
    }
    return claimed;
  }

  /** Node emits `upgrade` only while somebody listens. Where nobody else does, nobody else will answer either. */
  readonly #refuseUnclaimed = (_request: IncomingMessage, socket: Duplex): void => {
    if (this.server.listenerCount('upgrade') > 1) return;
    socket.on('error', () => socket.destroy());
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  };

  #uninstall(): void {
    routers.delete(this.server);
    this.server.off('upgrade', this.#refuseUnclaimed);
    // Whoever wrapped `emit` after us still calls ours, which passes everything on once it has no routes.
    if (this.server.emit === this.#intercept) this.server.emit = this.#emit;
  }
}
