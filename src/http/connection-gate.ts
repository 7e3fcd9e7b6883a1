import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../ports/clock.js';
import type { GatewayConfig } from '../ports/socket-config.js';
import { AllowedOrigins } from './allowed-origins.js';
import { clientNetwork } from './client-network.js';

/** The time that a refused client has to read the answer before its socket is destroyed. */
const ANSWER_WAIT_MS = 1_000;

/** The HTTP answer to a connection that is refused. */
interface Refusal {
  readonly status: 403 | 503;
  readonly reason: string;
}

const STATUS_TEXTS = { 403: 'Forbidden', 503: 'Service Unavailable' } as const;

/**
 * Admits or refuses connections by their first request, for an upgrade before the 101 answer. There a refusal costs least, and
 * slows clients down: `pusher-js` retries after 15, 30 and 60 seconds.
 */
export class ConnectionGate {
  readonly #config: Pick<GatewayConfig, 'allowedOrigins' | 'limits'>;
  readonly #clock: Clock;
  readonly #onRefused: (status: string) => void;
  readonly #perAddress = new Map<string, number>();
  readonly #origins: AllowedOrigins;
  #openConnections = 0;
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
    if (!this.check(request, socket)) return false;
    this.#openConnections++;
    socket.on('close', this.#onConnectionClosed);
    if (this.#config.limits.connectionsPerAddress !== 0)
      socket.once('close', this.#countAddress(addressOf(request)));
    return true;
  }

  /**
   * Checks the first request of a connection, without counting it; or refuses it with an HTTP answer.
   *
   * @param to where the answer goes: the socket of an upgrade, or the response to a plain request
   * @returns whether it may go on
   */
  check(request: IncomingMessage, to: Duplex | ServerResponse): boolean {
    const refusal = this.#refusal(request);
    if (refusal === undefined) return true;
    this.#onRefused(String(refusal.status));
    if (to instanceof ServerResponse) answerRequest(to, refusal);
    else answerUpgrade(to, this.#clock, refusal);
    return false;
  }

  /**
   * Counts a connection that is no single socket, by its first request.
   *
   * @returns a function to call once, when it is closed
   */
  count(request: IncomingMessage): () => void {
    this.#openConnections++;
    if (this.#config.limits.connectionsPerAddress === 0) return this.#onConnectionClosed;
    const left = this.#countAddress(addressOf(request));
    return () => {
      this.#onConnectionClosed();
      left();
    };
  }

  /** Refuses every connection from now on. */
  close(): void {
    this.#isClosed = true;
  }

  /** One listener for all connections, because it needs no state for each. */
  readonly #onConnectionClosed = (): void => {
    this.#openConnections--;
  };

  /** @returns a function to call once, when the connection from there is closed */
  #countAddress(address: string): () => void {
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    return () => {
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#perAddress.delete(address);
      else this.#perAddress.set(address, left);
    };
  }

  #refusal(request: IncomingMessage): Refusal | undefined {
    const { connections, connectionsPerAddress } = this.#config.limits;
    if (this.#isClosed) return { status: 503, reason: 'This node is going away' };
    if (connections !== 0 && this.#openConnections >= connections) {
      return { status: 503, reason: 'This node has as many connections as it may have' };
    }
    if (
      connectionsPerAddress !== 0 &&
      (this.#perAddress.get(addressOf(request)) ?? 0) >= connectionsPerAddress
    ) {
      return { status: 503, reason: 'There are too many connections from this address' };
    }
    if (this.#origins.allow(request.headers.origin)) return undefined;
    return { status: 403, reason: 'This origin is not allowed (SOCKET_ALLOWED_ORIGINS)' };
  }
}

/** The network by which a client's connections are counted. */
function addressOf(request: IncomingMessage): string {
  return clientNetwork(request.socket.remoteAddress ?? '');
}

/** Answers, and ends the socket. A proxy would turn a socket that is destroyed at once into a 5xx of its own. */
function answerUpgrade(socket: Duplex, clock: Clock, { status, reason }: Refusal): void {
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
    `HTTP/1.1 ${status} ${STATUS_TEXTS[status]}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${reason.length}\r\n\r\n${reason}`,
  );
}

function answerRequest(response: ServerResponse, { status, reason }: Refusal): void {
  response.writeHead(status, { Connection: 'close', 'Content-Type': 'text/plain' });
  response.end(reason);
}
