import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { inject, injectable } from 'inversify';
import { type Server as SocketServer, type WebSocket, WebSocketServer } from 'ws';
import { ChannelEngine } from '../../channels/channel-engine.js';
import { WriteCoalescer } from '../../channels/write-coalescer.js';
import { ConnectionGate } from '../../http/connection-gate.js';
import { type Claim, type ServerRoute, ServerRouter } from '../../http/server-router.js';
import { CLOCK, type Clock } from '../../ports/clock.js';
import { SOCKET_CONFIG, type SocketConfig } from '../../ports/socket-config.js';
import { CODES, ProtocolError, RESTARTING } from '../../protocol/codes.js';
import { errorFrame } from '../../protocol/frame.js';
import { handshakeProblem, needsErrorBeforeClose } from '../../protocol/handshake.js';
import { newSocketId } from '../../protocol/socket-id.js';
import type { ServerAttachment } from '../adapter.js';
import type { Gateway } from '../gateway-socket-client.js';
import { GatewaySocket } from './gateway-socket.js';
import { HttpApi } from './http-api/http-api.js';
import { closeSocket, WsConnection } from './ws-connection.js';

/**
 * The native gateway: WebSockets on the host application's own HTTP server, at `<path>/app/<key>`, speaking the Pusher
 * Channels protocol through the channel engine. Messages do not pass through Nest's WebSocket layer.
 */
@injectable()
export class WsGateway implements Gateway, ServerAttachment, ServerRoute {
  readonly #engine: ChannelEngine;
  readonly #config: SocketConfig;
  readonly #clock: Clock;
  readonly #httpApi: HttpApi;
  #sockets: SocketServer<typeof GatewaySocket> | undefined;
  #detach: () => void = () => undefined;
  #isRestarting = false;
  readonly #gate: ConnectionGate;
  readonly #coalescer: WriteCoalescer;

  constructor(
    @inject(ChannelEngine) engine: ChannelEngine,
    @inject(SOCKET_CONFIG) config: SocketConfig,
    @inject(CLOCK) clock: Clock,
    @inject(HttpApi) httpApi: HttpApi,
  ) {
    this.#engine = engine;
    this.#config = config;
    this.#clock = clock;
    this.#httpApi = httpApi;
    this.#gate = new ConnectionGate(config.gateway, clock, (status) => {
      engine.counters.refused.add(status);
    });
    this.#coalescer = new WriteCoalescer(config.gateway.limits.bufferedBytes);
  }

  get clientPath(): string {
    return `${this.#config.gateway.path}/app/${this.#config.app.key}`;
  }

  /** @throws SocketConfigurationError when the HTTP API cannot listen; nothing is attached then */
  async attach(server: Server): Promise<void> {
    await this.#httpApi.attach(server);
    this.#sockets = new WebSocketServer({
      // Upgrades come from the `ServerRouter`.
      noServer: true,
      WebSocket: GatewaySocket,
      maxPayload: this.#config.gateway.limits.frameBytes,
      perMessageDeflate: false,
    });
    this.#detach = ServerRouter.add(server, this);
    await this.#engine.start();
  }

  /**
   * Refuses new connections. When another node takes clients, with 503, so that a load balancer can choose that node. Otherwise
   * with 4100: `pusher-js` then tries again after a second, and after a 503 only after fifteen.
   */
  stopAccepting(hasSuccessor: boolean): void {
    if (hasSuccessor) this.#gate.close();
    else this.#isRestarting = true;
  }

  /** Resolves when the last socket is closed. The engine ends the connections. */
  async disconnected(): Promise<void> {
    const sockets = [...(this.#sockets?.clients ?? [])];
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  }

  /** Refuses HTTP requests too. */
  async close(): Promise<void> {
    await this.#httpApi.close();
  }

  /** Leaves the server to its other listeners. Resolves when those are gone who were refused last. */
  async release(): Promise<void> {
    this.#detach();
    await new Promise<unknown>((resolve) => {
      if (this.#sockets === undefined) resolve(undefined);
      else this.#sockets.close(resolve);
    });
  }

  claimsUpgrade(request: IncomingMessage): Claim {
    const target = this.#target(request);
    if (target === undefined) return 'no';
    return target.slice('/app/'.length).split(/[/?]/, 1)[0] === this.#config.app.key ? 'best' : 'yes';
  }

  takeUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!this.#gate.admit(request, socket)) return;
    // The answer to the upgrade and the first frame leave in one packet.
    socket.cork();
    this.#sockets?.handleUpgrade(request, socket, head, (client) => {
      this.#accept(client, request, socket);
    });
    socket.uncork();
  }

  /** Path and query below the gateway's own path; `undefined` when the request is not for the gateway. */
  #target({ url = '' }: IncomingMessage): string | undefined {
    const { path } = this.#config.gateway;
    if (!url.startsWith(`${path}/app`)) return undefined;
    const target = url.slice(path.length);
    return /^\/app(?:[/?]|$)/.test(target) ? target : undefined;
  }

  #accept(client: GatewaySocket, request: IncomingMessage, socket: Duplex): void {
    client.ignoreErrors();
    const problem =
      handshakeProblem(this.#target(request) ?? '', this.#config.app.key) ??
      (this.#isRestarting ? new ProtocolError(CODES.OVER_CAPACITY, RESTARTING) : undefined);
    if (problem !== undefined) {
      this.#engine.counters.refused.add(String(problem.code));
      refuse(client, this.#clock, problem);
      return;
    }
    const isOldest = needsErrorBeforeClose(this.#target(request) ?? '');
    const connection = new WsConnection(
      client,
      socket,
      newSocketId(),
      this.#coalescer,
      this.#clock,
      isOldest,
    );
    client.connect(this.#engine, this.#engine.open(connection), connection);
    connection.flush();
  }
}

/** Sends the reason as the first frame and as the close code: the close code stops the client from reconnecting. */
function refuse(client: WebSocket, clock: Clock, problem: ProtocolError): void {
  client.send(errorFrame(problem).text);
  closeSocket(client, clock, problem.code ?? 1002, problem.message);
}
