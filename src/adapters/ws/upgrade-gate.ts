import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { GatewayConfig } from '../../ports/socket-config.js';
import { clientNetwork } from './client-network.js';

/** How long a refused client may take to read why. */
const ANSWER_WAIT_MS = 1_000;

const UNAVAILABLE = '503 Service Unavailable';

/** Why an upgrade is refused, before it becomes a WebSocket. */
interface Refusal {
  readonly status: string;
  readonly reason: string;
}

/**
 * Decides over upgrades before the 101, where a refusal costs least and makes clients slow down: `pusher-js` comes back
 * after 15, 30, 60 seconds.
 */
export class UpgradeGate {
  readonly #config: Pick<GatewayConfig, 'allowedOrigins' | 'limits'>;
  readonly #refused: (status: string) => void;
  readonly #perAddress = new Map<string, number>();
  readonly #origins: readonly RegExp[];
  #open = 0;
  #isClosed = false;

  /** @param refused told the HTTP status of every upgrade that may not pass */
  constructor(config: Pick<GatewayConfig, 'allowedOrigins' | 'limits'>, refused: (status: string) => void) {
    this.#config = config;
    this.#refused = refused;
    this.#origins = config.allowedOrigins.map(originPattern);
  }

  /**
   * Lets an upgrade pass, and counts it until its socket closes; or answers it.
   *
   * @returns whether it may pass
   */
  enter(request: IncomingMessage, socket: Duplex): boolean {
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      this.#refused(refusal.status.slice(0, 3));
      answer(socket, refusal);
      return false;
    }
    this.#open++;
    socket.on('close', this.#left);
    if (this.#config.limits.connectionsPerAddress !== 0) this.#countAddress(addressOf(request), socket);
    return true;
  }

  /** Lets nobody pass any more. */
  close(): void {
    this.#isClosed = true;
  }

  /** One listener for all sockets: it has nothing to remember. */
  readonly #left = (): void => {
    this.#open--;
  };

  #countAddress(address: string, socket: Duplex): void {
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    socket.once('close', () => {
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#perAddress.delete(address);
      else this.#perAddress.set(address, left);
    });
  }

  #refusal(request: IncomingMessage): Refusal | undefined {
    const { connections, connectionsPerAddress } = this.#config.limits;
    if (this.#isClosed) return { status: UNAVAILABLE, reason: 'This node is going away' };
    if (connections !== 0 && this.#open >= connections) {
      return { status: UNAVAILABLE, reason: 'This node has as many connections as it may have' };
    }
    if (
      connectionsPerAddress !== 0 &&
      (this.#perAddress.get(addressOf(request)) ?? 0) >= connectionsPerAddress
    ) {
      return { status: UNAVAILABLE, reason: 'There are too many connections from this address' };
    }
    // Browsers always send an origin. Whoever does not is no browser, and could send any.
    const { origin } = request.headers;
    if (
      origin === undefined ||
      this.#origins.length === 0 ||
      this.#origins.some((allowed) => allowed.test(origin))
    ) {
      return undefined;
    }
    return { status: '403 Forbidden', reason: 'This origin is not allowed (SOCKET_ALLOWED_ORIGINS)' };
  }
}

/** What its connections are counted by. */
function addressOf(request: IncomingMessage): string {
  return clientNetwork(request.socket.remoteAddress ?? '');
}

/** `https://*.example.com` stands for every host below example.com, at any depth, and not for example.com itself. */
function originPattern(origin: string): RegExp {
  const source = origin.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&').replace('\\*\\.', '(?:[a-z0-9-]+\\.)+');
  return new RegExp(`^${source}$`, 'i');
}

/** A proper answer and a polite end: a proxy in between would make a 5xx of a socket that is just destroyed. */
function answer(socket: Duplex, { status, reason }: Refusal): void {
  const destroy = () => {
    socket.destroy();
  };
  socket.on('error', destroy);
  // The server lets clients keep their half open; one that never closes it must not hold the socket, nor the shutdown.
  socket.once('finish', destroy);
  const timer = setTimeout(destroy, ANSWER_WAIT_MS);
  socket.once('close', () => {
    clearTimeout(timer);
  });
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${reason.length}\r\n\r\n${reason}`,
  );
}
