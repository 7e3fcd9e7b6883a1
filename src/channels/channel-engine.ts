import { inject, injectable } from 'inversify';
import { CLOCK, type Clock } from '../ports/clock.js';
import { LIMITS } from '../ports/limits.js';
import { LOGGER, type SocketLogger } from '../ports/logger.js';
import { SOCKET_CONFIG, type SocketConfig } from '../ports/socket-config.js';
import { channelType, userChannel } from '../protocol/channel-name.js';
import { type ClientFrame, dataFields, parseClientFrame, textField } from '../protocol/client-frame.js';
import { CODES, ProtocolError } from '../protocol/codes.js';
import { CLIENT_EVENT_PREFIX } from '../protocol/event-name.js';
import { connectionEstablished, errorFrame, frame, PONG, subscriptionSucceeded } from '../protocol/frame.js';
import { admitToChannel, admitUser } from './admission.js';
import { ChannelEventSource } from './channel-event-source.js';
import { Channels } from './channels.js';
import { passOnClientEvent } from './client-events.js';
import type { Connection } from './connection.js';
import type { CachedEvent } from './event-cache.js';
import { Liveness } from './liveness.js';
import { Session } from './session.js';
import { Users } from './users.js';
import { Watchlists } from './watchlists.js';

/** What the engine tells of a channel. */
export interface ChannelInfo {
  readonly name: string;
  readonly isOccupied: boolean;
  readonly subscriptionCount: number;
  /** Who is present; empty on channels without presence. */
  readonly userIds: readonly string[];
  /** What a cache channel remembers. */
  readonly cached: CachedEvent | undefined;
}

/**
 * The channel engine: who is connected, signed in and subscribed, and who therefore hears what. It speaks the Pusher
 * Channels protocol to anything that can `send` and `close`; sockets, HTTP and Nest are not its business.
 *
 * Everything happens at once and in call order; nothing a client sends makes a method throw.
 */
@injectable()
export class ChannelEngine {
  readonly #sessions = new Set<Session>();
  readonly #users = new Users();
  readonly #watchlists = new Watchlists();
  readonly #channels: Channels;
  readonly #liveness: Liveness;

  constructor(
    @inject(SOCKET_CONFIG) private readonly config: SocketConfig,
    @inject(CLOCK) private readonly clock: Clock,
    @inject(LOGGER) private readonly logger: SocketLogger,
    @inject(ChannelEventSource) private readonly events: ChannelEventSource,
  ) {
    const { presenceGraceMs, subscriptionCount, limits } = config.gateway;
    const settings = { presenceGraceMs, subscriptionCount, presenceMembers: limits.presenceMembers };
    this.#channels = new Channels(clock, settings, events);
    this.#liveness = new Liveness(clock, config.gateway, this.#sessions, (session, code, reason) => {
      this.#end(session, code, reason, false);
    });
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** How many channels are occupied, or kept for a member who may come back. */
  get channels(): number {
    return this.#channels.size;
  }

  /** The occupied channels whose names begin with a prefix. A user's own channel is nobody else's business. */
  occupiedChannels(prefix = ''): readonly ChannelInfo[] {
    const occupied: ChannelInfo[] = [];
    for (const channel of this.#channels.all()) {
      if (channel.name.startsWith(prefix) && channel.type.access !== 'user' && !channel.isVacant) {
        occupied.push(this.channelInfo(channel.name));
      }
    }
    return occupied;
  }

  /** What is known of a channel, occupied or not. */
  channelInfo(name: string): ChannelInfo {
    const channel = this.#channels.get(name);
    return {
      name,
      isOccupied: channel !== undefined && !channel.isVacant,
      subscriptionCount: channel?.subscribers.size ?? 0,
      userIds: channel?.roster?.userIds() ?? [],
      cached: this.#channels.cached(name),
    };
  }

  /** Takes a new connection in and greets it. */
  open(connection: Connection): Session {
    const session = new Session(connection, this.clock.now());
    this.#sessions.add(session);
    this.#liveness.watch();
    connection.send(connectionEstablished(connection.id, this.config.gateway.activityTimeoutS));
    return session;
  }

  /** Handles one text frame from a client, answering what is wrong with it with `pusher:error`. */
  receive(session: Session, text: string): void {
    if (session.closed) return;
    session.lastActivity = this.clock.now();
    session.pingedAt = undefined;
    try {
      this.#handle(session, parseClientFrame(text));
    } catch (error) {
      this.refuse(session, error);
    }
  }

  /** Answers something a client did with `pusher:error`; the connection goes on. */
  refuse(session: Session, error: unknown): void {
    if (!(error instanceof ProtocolError)) {
      this.logger.error(`Unexpected error while handling a client's frame: ${String(error)}`);
    }
    const wireError =
      error instanceof ProtocolError ? error : new ProtocolError(null, 'The message could not be handled');
    session.connection.send(errorFrame(wireError));
  }

  /** Lets go of a connection that was lost. Presence channels are told after the grace period. */
  lost(session: Session): void {
    this.#release(session, false);
  }

  /** Ends every connection for a restart: clients come back at once, wherever they are led then. */
  close(): void {
    for (const session of this.#sessions)
      this.#end(session, CODES.RECONNECT, 'The server is going away', false);
    this.#liveness.stop();
    this.#channels.dispose();
    this.events.flush();
  }

  /** Sends an event to everybody subscribed to a channel. The frame is built once. */
  publish(channel: string, event: string, json: string | undefined, exceptSocketId?: string): void {
    this.#channels.publish(channel, event, json, exceptSocketId);
  }

  /** Ends every connection that is signed in as the user, for good: clients do not come back by themselves after 4009. */
  terminate(userId: string): void {
    for (const session of this.#users.sessionsOf(userId)) {
      const reason = 'Connection terminated by the application';
      this.refuse(session, new ProtocolError(CODES.UNAUTHORIZED, reason));
      this.#end(session, CODES.UNAUTHORIZED, reason, true);
    }
  }

  /** Whether the user is signed in on at least one connection. */
  isOnline(userId: string): boolean {
    return this.#users.isOnline(userId);
  }

  #handle(session: Session, received: ClientFrame): void {
    switch (received.event) {
      case 'pusher:ping':
        session.connection.send(PONG);
        return;
      case 'pusher:pong':
        return;
      case 'pusher:subscribe':
        this.#subscribe(session, received);
        return;
      case 'pusher:unsubscribe': {
        const channel = session.subscriptions.get(textField(dataFields(received), 'channel'));
        if (channel !== undefined) this.#channels.leave(session, channel, true);
        return;
      }
      case 'pusher:signin':
        this.#signIn(session, received);
        return;
    }
    if (!received.event.startsWith(CLIENT_EVENT_PREFIX)) {
      throw new ProtocolError(
        null,
        'Unknown event: clients may send "pusher:…" protocol events and "client-…" events',
      );
    }
    this.events.emit(passOnClientEvent(this.config.gateway, session, received, this.clock.now()));
  }

  #subscribe(session: Session, received: ClientFrame): void {
    const fields = dataFields(received);
    const name = textField(fields, 'channel');
    const channelData = textField(fields, 'channel_data');
    const request = { channel: name, auth: textField(fields, 'auth'), channelData: channelData || undefined };
    const existing = session.subscriptions.get(name);
    if (existing?.type.access === 'user') {
      // The signin has subscribed it already; pusher-js asks all the same and waits for the answer.
      session.connection.send(subscriptionSucceeded(name));
      return;
    }
    if (existing !== undefined) throw new ProtocolError(null, `Existing subscription to channel ${name}`);
    this.#limitSubscriptions(session);
    this.#channels.join(session, name, admitToChannel(this.config.app, session, request));
    if (channelType(name).access !== 'public') session.isAuthorized = true;
  }

  #limitSubscriptions(session: Session): void {
    const { channelsPerConnection, subscribesPerSecond } = this.config.gateway.limits;
    if (channelsPerConnection !== 0 && session.subscriptions.size >= channelsPerConnection) {
      throw new ProtocolError(
        CODES.OVER_CAPACITY,
        `Subscription refused: more than ${channelsPerConnection} channels`,
      );
    }
    if (!session.subscribeRate.allows(subscribesPerSecond, this.clock.now())) {
      throw new ProtocolError(
        CODES.RATE_EXCEEDED,
        `Subscription refused: more than ${subscribesPerSecond} in a second`,
      );
    }
  }

  #signIn(session: Session, received: ClientFrame): void {
    const fields = dataFields(received);
    const userData = textField(fields, 'user_data');
    const auth = textField(fields, 'auth');
    const { user, watchlist, isWatchlistCut } = admitUser(this.config.app, session, auth, userData);
    session.user = user;
    session.isAuthorized = true;
    // At once, so that a relay between the signin and the client's own subscription is not missed.
    this.#channels.joinSilently(session, userChannel(user.id));
    session.connection.send(
      frame('pusher:signin_success', { data: JSON.stringify({ user_data: userData }) }),
    );
    if (this.#users.add(session, user.id)) this.#watchlists.changed(user.id, true);
    this.#watchlists.watch(session, watchlist, (userId) => this.#users.isOnline(userId));
    if (isWatchlistCut) {
      const message = `The watchlist is too long: its first ${LIMITS.watchlist} users are watched`;
      throw new ProtocolError(CODES.WATCHLIST_TOO_LONG, message);
    }
  }

  #end(session: Session, code: number, reason: string, deliberate: boolean): void {
    this.#release(session, deliberate);
    session.connection.close(code, reason);
  }

  #release(session: Session, deliberate: boolean): void {
    if (session.closed) return;
    session.closed = true;
    this.#sessions.delete(session);
    this.#watchlists.unwatch(session);
    if (session.user !== undefined && this.#users.remove(session, session.user.id)) {
      this.#watchlists.changed(session.user.id, false);
    }
    for (const channel of session.subscriptions.values()) this.#channels.leave(session, channel, deliberate);
  }
}
