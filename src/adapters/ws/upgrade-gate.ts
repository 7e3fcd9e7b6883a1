import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../ports/clock.js';
import type { GatewayConfig } from '../../ports/socket-config.js';
import { AllowedOrigins } from './allowed-origins.js';
import { clientNetwork } from './client-network.js';

/** The time that a refused client has to read the answer before its socket is destroyed. */
const ANSWER_WAIT_MS = 1_000;

const UNAVAILABLE = '503 Service Unavailable';

/** The HTTP answer to an upgrade that is refused. */
interface Refusal {
  readonly status: string;
  readonly reason: string;
}

/**
 * Admits or refuses upgrades before the 101 answer. There a refusal costs least, and slows clients down: `pusher-js` retries
 * after 15, 30 and 60 seconds.
 */
export class UpgradeGate {
  readonly #config: Pick<GatewayConfig, 'allowedOrigins' | 'limits'>;
  readonly #clock: Clock;
  readonly #onRefused: (status: string) => void;
  readonly #perAddress = new Map<string, number>();
  readonly #origins: AllowedOrigins;
  #openSockets = 0;
  #isClosed = false;

  /** @param onRefused called with the HTTP status of every refusal */
  constructor(
    config: Pick<GatewayConfig, 'allowedOrigins' | 'limits'>,
    clock: Clock,
    onRefused: (status: string) => void,
  ) {
    this.#config = config;
    this.#clock = clock;
    this.#onRefused = onRefused;
    this.#origins = new AllowedOrigins(config.allowedOrigins);
  }

  /**
   * Admits an upgrade, and counts it until its socket closes; or refuses it with an HTTP answer.
   *
   * @returns whether it was admitted
   */
  admit(request: IncomingMessage, socket: Duplex): boolean {
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      this.#onRefused(refusal.status.slice(0, 3));
      answer(socket, this.#clock, refusal);
      return false;
    }
    this.#openSockets++;
    socket.on('close', this.#onSocketClosed);
    if (this.#config.limits.connectionsPerAddress !== 0) this.#countAddress(addressOf(request), socket);
    return true;
  }

  /** Refuses every upgrade from now on. */
  close(): void {
    this.#isClosed = true;
  }

  /** One listener for all sockets, because it needs no state for each. */
  readonly #onSocketClosed = (): void => {
    this.#openSockets--;
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
    if (connections !== 0 && this.#openSockets >= connections) {
      return { status: UNAVAILABLE, reason: 'This node has as many connections as it may have' };
    }
    if (
      connectionsPerAddress !== 0 &&
      (this.#perAddress.get(addressOf(request)) ?? 0) >= connectionsPerAddress
    ) {
      return { status: UNAVAILABLE, reason: 'There are too many connections from this address' };
    }
    if (this.#origins.allow(request.headers.origin)) return undefined;
    return { status: '403 Forbidden', reason: 'This origin is not allowed (SOCKET_ALLOWED_ORIGINS)' };
  }
}

/** The network by which a client's connections are counted. */
function addressOf(request: IncomingMessage): string {
  return clientNetwork(request.socket.remoteAddress ?? '');
}

/** Answers, and ends the socket. A proxy would turn a socket that is destroyed at once into a 5xx of its own. */
function answer(socket: Duplex, clock: Clock, { status, reason }: Refusal): void {
  const destroy = () => {
    socket.destroy();
  };
  socket.on('error', destroy);
  // HTTP servers allow half-open sockets: a client that never closes its half would keep the socket, and delay a shutdown.
  socket.once('finish', destroy);
  const timer = clock.after(ANSWER_WAIT_MS, destroy);
  socket.once('close', () => {
    timer.cancel();
  });
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${reason.length}\r\n\r\n${reason}`,
  );
}
