import type { ChannelEngine } from '../../channels/channel-engine.js';
import { RateLimit } from '../../channels/rate-limit.js';
import type { Session } from '../../channels/session.js';
import type { ChannelAuth, Identity, UserAuth } from '../../ports/authorization.js';
import type { CallerAuthorization } from '../../ports/callers.js';
import type { Clock } from '../../ports/clock.js';
import { messageOf } from '../../ports/errors.js';
import type { HttpRequest } from '../../ports/http-request.js';
import type { SocketLogger } from '../../ports/logger.js';
import { Refusal } from '../../ports/refusal.js';
import type { SocketConfig } from '../../ports/socket-config.js';
import { channelNameProblem, channelType } from '../../protocol/channel-name.js';
import { CODES, ProtocolError } from '../../protocol/codes.js';
import type { ClientMessage, HandlerMessage, Reply } from './client-message.js';
import { handOver, jsonOf } from './handler-messages.js';
import type { Packet } from './packets.js';
import { membersIn } from './roster.js';
import type { AnswerListener, SocketIoConnection } from './socket-io-connection.js';

/** The one who has opened a connection. */
export interface Caller {
  /** `undefined` for a guest. */
  readonly member: Identity | undefined;
  /** The signature for the member's signin on this connection. */
  readonly signin: UserAuth | undefined;
  readonly request: HttpRequest;
}

/** The parts that the messages of all connections of a gateway share. */
export interface MessageParts {
  readonly engine: ChannelEngine;
  readonly config: SocketConfig;
  readonly clock: Clock;
  readonly logger: SocketLogger;
  readonly callers: CallerAuthorization;
}

/**
 * Handles the messages of one client, one after the other: what they ask for becomes a message of the engine's own protocol, with
 * the signature that the application's authorizer gives. While one is handled, nothing more is read than has been.
 */
export class ClientMessages implements AnswerListener {
  readonly #parts: MessageParts;
  readonly #session: Session;
  readonly #connection: SocketIoConnection;
  /** Identifies the sender of a signin, by the `auth` that it sends. */
  readonly #identify: (auth: unknown) => Promise<Caller>;
  #caller: Caller;
  readonly #waiting: ClientMessage[] = [];
  #isBusy = false;
  #isPausing = false;
  /** The packet that answers the present message; `undefined` where it is handled without one. */
  #awaited: ((packet: Packet) => boolean) | undefined;
  #settle: ((reply: Reply) => void) | undefined;
  // Created on demand, like those of the session.
  #authorizationRate: RateLimit | undefined;
  #signinRate: RateLimit | undefined;

  constructor(
    parts: MessageParts,
    session: Session,
    connection: SocketIoConnection,
    caller: Caller,
    identify: (auth: unknown) => Promise<Caller>,
  ) {
    this.#parts = parts;
    this.#session = session;
    this.#connection = connection;
    this.#caller = caller;
    this.#identify = identify;
    connection.listener = this;
  }

  /**
   * Signs the member in, and subscribes to the broadcast channel.
   *
   * @returns the answer to the signin; it is a refusal too where the member may not hear broadcasts
   */
  async begin(): Promise<Reply> {
    const signedIn = await this.#signIn(this.#caller);
    const channel = this.#parts.config.broadcastChannel;
    // A private one is for members.
    const isOpen = channelType(channel).access === 'public' || this.#caller.member !== undefined;
    return signedIn.ok && isOpen ? this.#handle({ kind: 'subscribe', channel, ack: undefined }) : signedIn;
  }

  /** Handles a message, after those before it. */
  take(message: ClientMessage): void {
    this.#waiting.push(message);
    if (!this.#isBusy) void this.#inOrder();
    else if (!this.#isPausing && this.#waiting.length > READ_AHEAD) {
      this.#isPausing = true;
      this.#connection.pause(true);
    }
  }

  sent(packet: Packet): void {
    if (this.#awaited?.(packet) !== true) return;
    const members = packet.event === SUBSCRIBED ? membersIn(packet.payload) : undefined;
    this.#settle?.(members === undefined ? { ok: true } : { ok: true, members });
  }

  refused({ code, message }: ProtocolError): void {
    if (this.#settle === undefined) this.#connection.sendError({ code, message });
    else this.#settle({ ok: false, code, message });
  }

  handled(): void {
    if (this.#awaited === undefined) this.#settle?.({ ok: true });
  }

  /** Forgets what the client still wanted. */
  closed(): void {
    this.#waiting.length = 0;
    this.#settle?.(GONE);
  }

  async #inOrder(): Promise<void> {
    this.#isBusy = true;
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        if (next.kind === 'message') {
          void handOver(this.#parts, this.#session, this.#connection, next);
          continue;
        }
        const { ack } = next;
        const reply = await this.#handle(next);
        if (ack !== undefined) this.#connection.reply(ack, reply);
        else if (!reply.ok && reply !== GONE) this.#connection.sendError(reply);
      }
    } finally {
      this.#isBusy = false;
      if (this.#isPausing) {
        this.#isPausing = false;
        this.#connection.pause(false);
      }
    }
  }

  async #handle(message: Exclude<ClientMessage, HandlerMessage>): Promise<Reply> {
    try {
      switch (message.kind) {
        case 'subscribe':
          return await this.#subscribe(message.channel);
        case 'unsubscribe':
          return await this.#receive('pusher:unsubscribe', { channel: message.channel });
        case 'signin':
          return await this.#identifyAndSignIn(message.auth);
        case 'event':
          return await this.#receive(message.event, message.payload, message.channel);
        case 'malformed':
          return await this.#refuse(new ProtocolError(null, message.problem));
      }
    } catch (error) {
      return this.#refusal(error);
    }
  }

  async #identifyAndSignIn(auth: unknown): Promise<Reply> {
    const { signinsPerSecond } = this.#parts.config.gateway.limits;
    this.#signinRate ??= new RateLimit();
    if (!this.#signinRate.allows(signinsPerSecond, this.#parts.clock.now()))
      return this.#refuse(
        new ProtocolError(CODES.RATE_EXCEEDED, `Signin refused: more than ${signinsPerSecond} in a second`),
      );
    const caller = await this.#identify(auth);
    const reply = await this.#signIn(caller);
    if (reply.ok) this.#caller = caller;
    return reply;
  }

  #signIn({ signin }: Caller): Promise<Reply> {
    if (signin === undefined) return Promise.resolve({ ok: true });
    return this.#receive('pusher:signin', signin, undefined, ({ event }) => event === SIGNED_IN);
  }

  async #subscribe(channel: string): Promise<Reply> {
    const type = channelType(channel);
    if (type.encrypted)
      return this.#refuse(
        new ProtocolError(null, 'Encrypted channels need a client that decrypts: Socket.IO’s does not'),
      );
    const isAwaited = ({ event, channel: name }: Packet) => event === SUBSCRIBED && name === channel;
    const needsAuthorizer = type.access !== 'public' && type.access !== 'user';
    // The engine refuses it all the same.
    const isRefusedAnyway =
      this.#session.subscriptions.has(channel) || channelNameProblem(channel) !== undefined;
    if (!needsAuthorizer || isRefusedAnyway)
      return this.#receive('pusher:subscribe', { channel }, undefined, isAwaited);
    const auth = await this.#authorize(channel);
    return auth instanceof ProtocolError
      ? this.#refuse(auth)
      : this.#receive('pusher:subscribe', { channel, ...auth }, undefined, isAwaited);
  }

  /** Asks the application, but not more often than the client may subscribe. */
  async #authorize(channel: string): Promise<ChannelAuth | ProtocolError> {
    const { clock, config, callers } = this.#parts;
    const { member, request } = this.#caller;
    if (member === undefined)
      throw new Refusal(
        403,
        'NOT_IDENTIFIED',
        `Channel "${channel}" is for members, and this is a guest`,
        true,
      );
    const { subscribesPerSecond } = config.gateway.limits;
    this.#authorizationRate ??= new RateLimit();
    if (!this.#authorizationRate.allows(subscribesPerSecond, clock.now()))
      return new ProtocolError(
        CODES.RATE_EXCEEDED,
        `Subscription refused: more than ${subscribesPerSecond} in a second`,
      );
    return callers.authorizeChannel(member, this.#session.id, channel, request);
  }

  /** Gives the engine a message, and resolves when it is answered or handled. */
  #receive(
    event: string,
    data: unknown,
    channel?: string,
    awaited?: (packet: Packet) => boolean,
  ): Promise<Reply> {
    const text = jsonOf({ event, channel, data });
    if (text === undefined) return this.#refuse(new ProtocolError(null, 'The message is nested too deeply'));
    return this.#answerTo(() => {
      this.#awaited = awaited;
      this.#parts.engine.receive(this.#session, text);
    });
  }

  #refuse(error: ProtocolError): Promise<Reply> {
    return this.#answerTo(() => {
      this.#parts.engine.refuse(this.#session, error);
    });
  }

  #answerTo(ask: () => void): Promise<Reply> {
    if (this.#session.isClosed) return Promise.resolve(GONE);
    return new Promise((resolve) => {
      this.#settle = (reply) => {
        this.#settle = undefined;
        this.#awaited = undefined;
        resolve(reply);
      };
      ask();
    });
  }

  /** The answer to a message that the application refuses, or fails to decide about. */
  #refusal(error: unknown): Reply {
    this.#parts.engine.countMessage(this.#session);
    if (error instanceof Refusal) {
      const { code, message } = error;
      return { ok: false, code, message };
    }
    this.#parts.logger.error(`Could not handle a client's message: ${messageOf(error)}`);
    return { ok: false, code: null, message: 'The message could not be handled' };
  }
}

/** So many messages may wait before the client is not read any more. */
const READ_AHEAD = 20;

const SUBSCRIBED = 'pusher:subscription_succeeded';
const SIGNED_IN = 'pusher:signin_success';
const GONE: Reply = { ok: false, code: null, message: 'The connection is closed' };
