import type { IncomingMessage } from 'node:http';
import { RateLimit } from '../../channels/rate-limit.js';
import type { CallerAuthorization } from '../../ports/callers.js';
import type { Clock } from '../../ports/clock.js';
import { messageOf } from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import { Refusal } from '../../ports/refusal.js';
import { CODES } from '../../protocol/codes.js';
import type { Caller } from './client-messages.js';
import { handshakeRequest, isGuest } from './handshake-request.js';
import type { SocketIoAdapterConfig } from './socket-io.settings.js';
import type { EngineConnection } from './transport.js';

/** An error as a Socket.IO client gets it with `connect_error`: `error.data` has the code. */
export class HandshakeError extends Error {
  readonly data: { readonly code: number | string | null; readonly status?: number };

  constructor(message: string, code: number | string | null, status?: number) {
    super(message);
    this.name = 'HandshakeError';
    this.data = { code, ...(status !== undefined && { status }) };
  }
}

/** The tries of one connection of engine.io to become a client's. */
interface Tries {
  isUnderWay: boolean;
  readonly rate: RateLimit;
}

/** Finds out who opens a connection. A client may try again on the same one, with a renewed token; but one try after the other. */
export class Handshakes {
  readonly #config: SocketIoAdapterConfig;
  readonly #clock: Clock;
  readonly #logger: SocketLogger;
  readonly #callers: CallerAuthorization;
  readonly #tries = new WeakMap<EngineConnection, Tries>();

  constructor(
    config: SocketIoAdapterConfig,
    clock: Clock,
    logger: SocketLogger,
    callers: CallerAuthorization,
  ) {
    this.#config = config;
    this.#clock = clock;
    this.#logger = logger;
    this.#callers = callers;
  }

  /**
   * Makes one try.
   *
   * @param open opens the connection; nothing else is tried on it meanwhile, and nothing after it has succeeded
   * @throws HandshakeError when the connection may not be opened
   */
  async attempt(conn: EngineConnection, open: () => Promise<void>): Promise<void> {
    const { signinsPerSecond } = this.#config.gateway.limits;
    const tries = this.#tries.get(conn) ?? { isUnderWay: false, rate: new RateLimit() };
    this.#tries.set(conn, tries);
    if (tries.isUnderWay) throw new HandshakeError('This connection is taken: open another one', null);
    if (!tries.rate.allows(signinsPerSecond, this.#clock.now()))
      throw new HandshakeError(
        `Handshake refused: more than ${signinsPerSecond} in a second`,
        CODES.RATE_EXCEEDED,
      );
    tries.isUnderWay = true;
    try {
      await open();
    } catch (error) {
      tries.isUnderWay = false;
      throw this.#handshakeError(error);
    }
  }

  /**
   * Identifies the sender of a handshake or a signin, and signs the signin.
   *
   * @param request the first one of the connection
   * @throws Refusal, or an error of the application
   */
  async identify(request: IncomingMessage, auth: unknown, socketId: string): Promise<Caller> {
    const asked = handshakeRequest({
      request,
      auth,
      allowedHeaders: this.#config.socketIo.handshakeHeaders,
      isOriginTrusted: this.#isOriginTrusted(request),
    });
    // An application that identifies nobody has guests only.
    if (!this.#callers.canIdentify || isGuest(auth))
      return { member: undefined, signin: undefined, request: asked };
    const member = await this.#callers.identify(asked);
    return { member, signin: await this.#callers.authorizeUser(member, socketId), request: asked };
  }

  /**
   * Whether a page may use the cookies of its browser: it is of this backend's own origin, or of one that is allowed by name. The
   * gate has refused all others where some are.
   */
  #isOriginTrusted({ headers }: IncomingMessage): boolean {
    const { gateway, publicUrl } = this.#config;
    const { origin } = headers;
    if (origin === undefined || gateway.allowedOrigins.length > 0) return true;
    if (!URL.canParse(origin)) return false;
    const { host } = new URL(origin);
    if (host === headers.host) return true;
    const port = publicUrl?.port === undefined ? '' : `:${publicUrl.port}`;
    return publicUrl !== undefined && host === publicUrl.hostname + port;
  }

  #handshakeError(error: unknown): HandshakeError {
    if (error instanceof HandshakeError) return error;
    if (error instanceof Refusal) return new HandshakeError(error.message, error.code, error.status);
    this.#logger.error(`Could not identify the caller of a Socket.IO handshake: ${messageOf(error)}`);
    return new HandshakeError('The caller could not be identified', null, 500);
  }
}
