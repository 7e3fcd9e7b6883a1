import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { inject, injectable } from 'inversify';
import { Server as SocketIoServer, type ServerOptions, type Socket } from 'socket.io';
import { ChannelEngine } from '../../channels/channel-engine.js';
import type { Session } from '../../channels/session.js';
import { WriteCoalescer } from '../../channels/write-coalescer.js';
import { AllowedOrigins } from '../../http/allowed-origins.js';
import { ConnectionGate } from '../../http/connection-gate.js';
import { BODY_TIMEOUT_MS } from '../../http/request-bodies.js';
import { type Claim, type ServerRoute, ServerRouter } from '../../http/server-router.js';
import type { CallerAuthorization } from '../../ports/callers.js';
import { CLOCK, type Clock } from '../../ports/clock.js';
import { LOGGER, type SocketLogger } from '../../ports/logger.js';
import { SOCKET_CONFIG } from '../../ports/socket-config.js';
import { CODES } from '../../protocol/codes.js';
import { newSocketId } from '../../protocol/socket-id.js';
import type { ServerAttachment } from '../adapter.js';
import type { Gateway } from '../gateway-socket-client.js';
import { readClientMessage } from './client-message.js';
import { ClientMessages, type MessageParts } from './client-messages.js';
import { EngineConnections } from './engine-connections.js';
import { HandshakeError, Handshakes } from './handshakes.js';
import { Packets } from './packets.js';
import type { SocketIoAdapterConfig } from './socket-io.settings.js';
import { SocketIoConnection } from './socket-io-connection.js';
import type { EngineConnection } from './transport.js';

/** An answer to a heartbeat of engine.io, as the channel engine knows it. */
const PONG = JSON.stringify({ event: 'pusher:pong' });

/** The reasons of a connection's end that `ConnectionCounters.closed` knows; all others are a connection that was lost. */
const END_REASONS = new Map([
  ['client namespace disconnect', 'client'],
  ['transport close', 'client'],
  ['parse error', 'malformed'],
  ['ping timeout', String(CODES.PONG_TIMEOUT)],
]);

/**
 * The gateway for Socket.IO: the official server on the host application's own HTTP server. It keeps the transports and the
 * packets; who is connected, subscribed and present is the channel engine's.
 */
@injectable()
export class SocketIoGateway implements Gateway, ServerAttachment, ServerRoute {
  readonly #engine: ChannelEngine;
  readonly #config: SocketIoAdapterConfig;
  readonly #clock: Clock;
  readonly #logger: SocketLogger;
  readonly #gate: ConnectionGate;
  readonly #coalescer: WriteCoalescer;
  readonly #packets = new Packets();
  /** Listens nowhere: it hands the requests of this gateway's path to Socket.IO. */
  readonly #inner = createServer();
  #io: SocketIoServer | undefined;
  #detach: () => void = () => undefined;
  readonly #open: EngineConnections;
  readonly #connections = new WeakMap<EngineConnection, SocketIoConnection>();

  constructor(
    @inject(ChannelEngine) engine: ChannelEngine,
    @inject(SOCKET_CONFIG) config: SocketIoAdapterConfig,
    @inject(CLOCK) clock: Clock,
    @inject(LOGGER) logger: SocketLogger,
  ) {
    this.#engine = engine;
    this.#config = config;
    this.#clock = clock;
    this.#logger = logger;
    this.#gate = new ConnectionGate(config.gateway, clock, (status) => {
      engine.counters.refused.add(status);
    });
    this.#coalescer = new WriteCoalescer(config.gateway.limits.bufferedBytes);
    this.#open = new EngineConnections(clock);
  }

  get clientPath(): string {
    return this.#config.socketIo.path;
  }

  async attach(server: Server, _path: string, callers: CallerAuthorization): Promise<void> {
    const io = new SocketIoServer(this.#inner, this.#options());
    const parts: MessageParts = {
      engine: this.#engine,
      config: this.#config,
      clock: this.#clock,
      logger: this.#logger,
      callers,
    };
    const handshakes = new Handshakes(this.#config, this.#clock, this.#logger, callers);
    io.engine.on('connection', (conn: EngineConnection) => {
      this.#open.add(conn, this.#gate.count(conn.request));
    });
    io.use((socket, next) => {
      handshakes
        .attempt(socket.conn, () => this.#welcome(socket, handshakes, parts))
        .then(() => {
          next();
        }, next);
    });
    this.#io = io;
    this.#detach = ServerRouter.add(server, this);
    await this.#engine.start();
  }

  /** Refuses new connections with 503, after which `socket.io-client` tries again by itself, and a load balancer elsewhere. */
  stopAccepting(): void {
    this.#gate.close();
  }

  async disconnected(): Promise<void> {
    const closed = this.#open.closed();
    // Nobody has signed in there yet, so the engine does not know of it.
    for (const conn of this.#open) if (!this.#connections.has(conn)) conn.close(true);
    await closed;
  }

  async close(): Promise<void> {
    // There are no other requests.
  }

  async release(): Promise<void> {
    this.#detach();
    await this.#io?.close();
    await this.#open.gone();
  }

  claimsUpgrade(request: IncomingMessage): Claim {
    return this.#claim(request);
  }

  claimsRequest(request: IncomingMessage): Claim {
    return this.#claim(request);
  }

  takeUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#claim(request) === 'no') {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    // The upgrade of a polling client is no new connection.
    if (sessionIdOf(request) !== undefined || this.#gate.check(request, socket))
      this.#inner.emit('upgrade', request, socket, head);
  }

  takeRequest(request: IncomingMessage, response: ServerResponse): void {
    const sessionId = sessionIdOf(request);
    const serve = () => {
      if (!request.destroyed) this.#inner.emit('request', request, response);
    };
    if (sessionId === undefined) {
      if (request.method !== 'GET' || this.#gate.check(request, response)) serve();
      return;
    }
    const conn = this.#open.get(sessionId);
    const connection = conn && this.#connections.get(conn);
    if (request.method !== 'POST' || connection?.hold(serve) !== true) serve();
  }

  #claim({ url = '' }: IncomingMessage): Claim {
    const { path } = this.#config.socketIo;
    const pathname = url.split('?', 1)[0];
    return pathname === path || pathname === `${path}/` ? 'best' : 'no';
  }

  #options(): Partial<ServerOptions> {
    const { gateway, socketIo } = this.#config;
    const { frameBytes } = gateway.limits;
    const origins = new AllowedOrigins(gateway.allowedOrigins);
    const isRestricted = gateway.allowedOrigins.length > 0;
    return {
      path: socketIo.path,
      transports: [...socketIo.transports],
      serveClient: false,
      addTrailingSlash: false,
      maxHttpBufferSize: frameBytes === 0 ? Infinity : frameBytes,
      httpRequestBodyTimeout: BODY_TIMEOUT_MS,
      httpCompression: false,
      pingInterval: gateway.activityTimeoutS * 1_000,
      pingTimeout: gateway.pongTimeoutS * 1_000,
      cors: {
        origin: isRestricted
          ? (origin: string | undefined, allow: (error: null, isAllowed: boolean) => void) => {
              allow(null, origins.allow(origin));
            }
          : '*',
        // Any origin may ask, but none of those with its browser's cookies.
        credentials: isRestricted,
      },
    };
  }

  /** Opens a session. When it resolves, the member is signed in and hears broadcasts; then the client is told that it is connected. */
  async #welcome(socket: Socket, handshakes: Handshakes, parts: MessageParts): Promise<void> {
    const { conn, handshake } = socket;
    const id = newSocketId();
    const identify = (auth: unknown) => handshakes.identify(conn.request, auth, id);
    const caller = await identify(handshake.auth);
    // It may be closed by now, or this process may be going away.
    if (conn.readyState !== 'open') return;
    const shared = { packets: this.#packets, coalescer: this.#coalescer, clock: this.#clock };
    const connection = new SocketIoConnection(conn, id, shared, () => socket.disconnect());
    this.#connections.set(conn, connection);
    const session = this.#engine.open(connection);
    const messages = new ClientMessages(parts, session, connection, caller, identify);
    this.#listen(socket, session, connection, messages);
    const reply = await messages.begin();
    if (!reply.ok && !session.isClosed) {
      this.#connections.delete(conn);
      connection.closed();
      this.#engine.connectionLost(session);
      throw new HandshakeError(reply.message, reply.code);
    }
  }

  #listen(socket: Socket, session: Session, connection: SocketIoConnection, messages: ClientMessages): void {
    const { conn } = socket;
    const end = (reason: string) => {
      const known = END_REASONS.get(reason) ?? 'lost';
      this.#engine.connectionLost(session, connection.isSlowReader ? 'slow_reader' : known);
      connection.closed();
      messages.closed();
    };
    conn.once('close', end);
    conn.on('heartbeat', () => {
      this.#engine.receive(session, PONG);
    });
    socket.onAny((...values: unknown[]) => {
      messages.take(readClientMessage(values));
    });
    socket.once('disconnect', (reason) => {
      if (reason !== 'client namespace disconnect') return;
      end(reason);
      // Without `true` engine.io would wait for 30 seconds for a client that has left.
      conn.close(true);
    });
  }
}

/** The session of a request; `undefined` for the first one of a connection. */
function sessionIdOf({ url = '' }: IncomingMessage): string | undefined {
  return new URLSearchParams(url.split('?')[1]).get('sid') ?? undefined;
}
