import { inject, injectable } from 'inversify';
import { CLOCK, type Clock } from '../ports/clock.js';
import {
  type ChannelInfo,
  type ChannelMessage,
  type Cluster,
  type ClusterNode,
  type ClusterStatistics,
  JOIN_CLUSTER,
  type JoinCluster,
} from '../ports/cluster.js';
import type { ChannelEvent } from '../ports/channel-events.js';
import { LIMITS } from '../ports/limits.js';
import { LOGGER, type SocketLogger } from '../ports/logger.js';
import { SOCKET_CONFIG, type SocketConfig } from '../ports/socket-config.js';
import type { User } from '../ports/user.js';
import { channelType, userChannel } from '../protocol/channel-name.js';
import { type ClientFrame, dataFields, parseClientFrame, textField } from '../protocol/client-frame.js';
import { CODES, ProtocolError } from '../protocol/codes.js';
import { CLIENT_EVENT_PREFIX } from '../protocol/event-name.js';
import { connectionEstablished, errorFrame, frame, PONG, subscriptionSucceeded } from '../protocol/frame.js';
import { admitToChannel, admitUser } from './admission.js';
import { ChannelEventSource } from './channel-event-source.js';
import { Channels } from './channels.js';
import { type ClientEvent, clientEvent } from './client-events.js';
import type { Connection } from './connection.js';
import { ConnectionCounters } from './connection-counters.js';
import { Drain } from './drain.js';
import { Liveness } from './liveness.js';
import { MessageRate } from './message-rate.js';
import { type Inbound, Session, type Subscription } from './session.js';
import { Users } from './users.js';
import { Watchlists } from './watchlists.js';

/**
 * The channel engine: who is connected, signed in and subscribed, and who therefore hears what. It speaks the Pusher
 * Channels protocol to anything that can `send` and `close`; sockets, HTTP and Nest are not its business.
 *
 * Everything happens at once and in call order; nothing a client sends makes a method throw.
 */
@injectable()
export class ChannelEngine implements ClusterNode {
  /** What has happened to connections; whoever brings them counts here too. */
  readonly counters = new ConnectionCounters();
  readonly #config: SocketConfig;
  readonly #clock: Clock;
  readonly #logger: SocketLogger;
  readonly #events: ChannelEventSource;
  readonly #sessions = new Set<Session>();
  readonly #users = new Users();
  readonly #watchlists: Watchlists;
  readonly #channels: Channels;
  readonly #liveness: Liveness;
  readonly #messageRate: MessageRate;
  readonly #drain: Drain;
  readonly #cluster: Cluster;

  constructor(
    @inject(SOCKET_CONFIG) config: SocketConfig,
    @inject(CLOCK) clock: Clock,
    @inject(LOGGER) logger: SocketLogger,
    @inject(ChannelEventSource) events: ChannelEventSource,
    @inject(JOIN_CLUSTER) joinCluster: JoinCluster,
  ) {
    this.#config = config;
    this.#clock = clock;
    this.#logger = logger;
    this.#events = events;
    this.#cluster = joinCluster(this);
    this.#watchlists = new Watchlists(this.#cluster);
    this.#channels = new Channels(this.#cluster);
    this.#liveness = new Liveness(clock, config.gateway, this.#sessions, (session, code, reason) => {
      this.#end(session, code, reason, false);
    });
    this.#messageRate = new MessageRate(clock, config.gateway.limits, (session, reason) => {
      this.#refuseMessage(session, new ProtocolError(CODES.RATE_EXCEEDED, reason), false);
    });
    this.#drain = new Drain(clock, config.gateway, this.#sessions, this.#cluster, (session) => {
      this.#sendAway(session);
    });
  }

  /** How many connections of this node are open. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** How many channels are occupied on this node, or kept for a member who may come back. */
  get channels(): number {
    return this.#cluster.size;
  }

  /** How many subscriptions the connections of this node have. */
  get subscriptions(): number {
    return this.#channels.subscriptions;
  }

  /** How many users are signed in on this node. */
  get users(): number {
    return this.#users.size;
  }

  /** This node's name in its cluster; `undefined` where there is one node only. */
  get node(): string | undefined {
    return this.#cluster.node;
  }

  /** What did not arrive between the nodes; `undefined` where there is one node only. */
  get statistics(): ClusterStatistics | undefined {
    return this.#cluster.statistics;
  }

  /** Why the other nodes cannot be reached now; nothing while they can, and where there are none. */
  get problem(): string | undefined {
    return this.#cluster.problem();
  }

  /**
   * The occupied channels whose names begin with a prefix, on all nodes. A user's own channel is nobody else's business.
   *
   * Rejects, as every question about all nodes, when the others cannot be reached.
   */
  occupiedChannels(prefix = ''): Promise<readonly ChannelInfo[]> {
    return this.#cluster.channels(prefix);
  }

  /** What is known of a channel on all nodes, occupied or not. */
  channelInfo(name: string): Promise<ChannelInfo> {
    return this.#cluster.channel(name);
  }

  /** Which of these users are signed in on at least one connection, on any node. */
  online(userIds: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#cluster.online(userIds);
  }

  /** Starts to take part in the cluster, as a node that expects connections. A process that only publishes never calls it. */
  start(): Promise<void> {
    return this.#cluster.start();
  }

  /** Takes a new connection in and greets it. */
  open(connection: Connection): Session {
    const session = new Session(connection, this.#clock.now(), this.#handle);
    this.#sessions.add(session);
    this.counters.opened++;
    this.#liveness.watch();
    connection.send(connectionEstablished(connection.id, this.#config.gateway.activityTimeoutS));
    return session;
  }

  /** Handles one text frame from a client, answering what is wrong with it with `pusher:error`. */
  receive(session: Session, text: string): void {
    if (session.closed) return;
    session.lastActivity = this.#clock.now();
    session.pingedAt = undefined;
    session.inTurn(text);
  }

  readonly #handle = (session: Session, inbound: Inbound): void => {
    if (this.#messageRate.isOver(session, inbound)) this.#messageRate.hold(session, inbound);
    else if (typeof inbound === 'string') this.#read(session, inbound);
    else this.#refuseMessage(session, inbound, true);
  };

  #read(session: Session, text: string): void {
    let received: ClientFrame | undefined;
    try {
      received = parseClientFrame(text);
      this.#handleFrame(session, received);
    } catch (error) {
      this.#refuseMessage(session, error, received === undefined);
    }
  }

  /** Answers something a client did with `pusher:error`; the connection goes on. */
  refuse(session: Session, error: ProtocolError): void {
    if (!session.closed) session.inTurn(error);
  }

  /** Counts what is answered beneath the protocol already: a ping of the WebSocket's own. */
  pinged(session: Session): void {
    if (!session.closed && this.#messageRate.isOver(session)) this.#messageRate.hold(session);
  }

  #refuseMessage(session: Session, error: unknown, isMalformed: boolean): void {
    const code = error instanceof ProtocolError ? (error.code ?? 'none') : 'internal';
    this.counters.messagesRefused.add(isMalformed ? 'malformed' : String(code));
    this.#answer(session, error);
  }

  #answer(session: Session, error: unknown): void {
    if (!(error instanceof ProtocolError)) {
      this.#logger.error(`Unexpected error while handling a client's frame: ${String(error)}`);
    }
    const wireError =
      error instanceof ProtocolError ? error : new ProtocolError(null, 'The message could not be handled');
    session.connection.send(errorFrame(wireError));
  }

  /**
   * Lets go of a connection that was lost. Presence channels are told after the grace period.
   *
   * @param how as it is counted, where the engine has not ended it itself
   */
  lost(session: Session, how = 'client'): void {
    this.#release(session, false, how);
  }

  /**
   * Sends the clients away, a few at a time over the time that the configuration gives, and serves those who are left as
   * ever. Resolves when nobody is; a second call waits for the same.
   */
  drain(): Promise<void> {
    return this.#drain.run();
  }

  /** Ends every connection that is left, and takes no part in the cluster any more. */
  async close(): Promise<void> {
    for (const session of this.#sessions) this.#sendAway(session);
    this.#liveness.stop();
    await this.#cluster.close();
    this.#events.flush();
  }

  /**
   * Sends an event to everybody subscribed to a channel: to this node's subscribers within the call.
   *
   * @returns rejects when the other nodes could not be reached; nothing where there is nothing to wait for
   */
  publish(
    channel: string,
    event: string,
    data: string | undefined,
    exceptSocketId?: string,
  ): Promise<void> | undefined {
    return this.#publish(channel, { event, data, exceptSocketId });
  }

  /**
   * Ends every connection that is signed in as the user, for good: clients do not come back by themselves after 4009.
   *
   * @returns rejects when the other nodes could not be reached; nothing where there is nothing to wait for
   */
  terminateEverywhere(userId: string): Promise<void> | undefined {
    this.terminate(userId);
    return this.#cluster.terminate(userId);
  }

  /** Ends the user's connections to this node. */
  terminate(userId: string): void {
    for (const session of this.#users.sessionsOf(userId)) {
      const reason = 'Connection terminated by the application';
      this.#answer(session, new ProtocolError(CODES.UNAUTHORIZED, reason));
      this.#end(session, CODES.UNAUTHORIZED, reason, true);
    }
  }

  deliver(channel: string, message: ChannelMessage): void {
    this.#channels.deliver(channel, message);
  }

  memberAdded(channel: string, user: User): void {
    this.#channels.memberAdded(channel, user);
  }

  memberRemoved(channel: string, userId: string): void {
    this.#channels.memberRemoved(channel, userId);
  }

  counted(channel: string, count: number): void {
    this.#channels.counted(channel, count);
  }

  statusChanged(userId: string, isOnline: boolean): void {
    this.#watchlists.changed(userId, isOnline);
  }

  emit(event: ChannelEvent): void {
    this.#events.emit(event);
  }

  #handleFrame(session: Session, received: ClientFrame): void {
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
        const subscription = session.subscriptions.get(textField(dataFields(received), 'channel'));
        if (subscription !== undefined) this.#unsubscribe(session, subscription);
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
    this.#passOn(clientEvent(this.#config, session, received, this.#clock.now()), session.id);
  }

  #passOn(event: ClientEvent, socketId: string): void {
    const { channel, event: name, data, user_id: userId } = event;
    const sender = userId === undefined ? {} : { userId };
    this.#publish(channel, {
      event: name,
      data,
      exceptSocketId: socketId,
      isClientEvent: true,
      ...sender,
    })?.catch(() => {
      // Who sends client events is told nothing of what becomes of them; the cluster has counted it.
    });
    this.counters.clientEvents++;
    this.#events.emit(event);
  }

  /** This node's subscribers first: they wait for nobody. */
  #publish(channel: string, message: ChannelMessage): Promise<void> | undefined {
    this.#channels.deliver(channel, message);
    return this.#cluster.publish(channel, message);
  }

  #subscribe(session: Session, received: ClientFrame): void {
    const fields = dataFields(received);
    const name = textField(fields, 'channel');
    const channelData = textField(fields, 'channel_data');
    const request = { channel: name, auth: textField(fields, 'auth'), channelData: channelData || undefined };
    const existing = session.subscriptions.get(name);
    if (existing?.channel.type.access === 'user') {
      // The signin has subscribed it already; pusher-js asks all the same and waits for the answer.
      existing.channel.subscribers.add(session.connection);
      session.connection.send(subscriptionSucceeded(name));
      return;
    }
    if (existing !== undefined) throw new ProtocolError(null, `Existing subscription to channel ${name}`);
    this.#limitSubscriptions(session);
    const user = admitToChannel(this.#config.app, session, request);
    this.#limitChannels(name);
    this.#channels.join(session, name, user, () => {
      const { presenceMembers } = this.#config.gateway.limits;
      const reason = `The presence channel is full: ${presenceMembers} members are allowed`;
      this.#refuseMessage(session, new ProtocolError(CODES.UNAUTHORIZED, reason), false);
    });
    if (channelType(name).access !== 'public') session.isAuthorized = true;
  }

  #unsubscribe(session: Session, subscription: Subscription): void {
    const { channel } = subscription;
    // A user who does not want to hear is there all the same, for as long as the connection is signed in.
    if (channel.type.access === 'user') channel.subscribers.delete(session.connection);
    else this.#channels.leave(session, subscription, true);
  }

  #limitSubscriptions(session: Session): void {
    const { channelsPerConnection, subscribesPerSecond } = this.#config.gateway.limits;
    if (channelsPerConnection !== 0 && session.subscriptions.size >= channelsPerConnection) {
      throw new ProtocolError(
        CODES.OVER_CAPACITY,
        `Subscription refused: more than ${channelsPerConnection} channels`,
      );
    }
    if (!session.subscribeRate.allows(subscribesPerSecond, this.#clock.now())) {
      throw new ProtocolError(
        CODES.RATE_EXCEEDED,
        `Subscription refused: more than ${subscribesPerSecond} in a second`,
      );
    }
  }

  /** What needs a signature is the application's own to allow: strangers' names take no room from it. */
  #limitChannels(name: string): void {
    const { channels } = this.#config.gateway.limits;
    if (channels === 0 || this.#cluster.size < channels || this.#cluster.knows(name)) return;
    if (channelType(name).access !== 'public' || name === this.#config.broadcastChannel) return;
    throw new ProtocolError(
      CODES.OVER_CAPACITY,
      `Subscription refused: there are ${channels} channels already`,
    );
  }

  #signIn(session: Session, received: ClientFrame): void {
    const fields = dataFields(received);
    const userData = textField(fields, 'user_data');
    const auth = textField(fields, 'auth');
    const { user, watchlist, isWatchlistCut } = admitUser(this.#config.app, session, auth, userData);
    session.user = user;
    session.isAuthorized = true;
    this.#users.add(session, user.id);
    // At once, so that a relay between the signin and the client's own subscription is not missed.
    this.#channels.joinSilently(session, userChannel(user.id), () => {
      session.connection.send(
        frame('pusher:signin_success', { data: JSON.stringify({ user_data: userData }) }),
      );
      this.#watchlists.watch(session, watchlist, () => {
        if (!isWatchlistCut) return;
        const message = `The watchlist is too long: its first ${LIMITS.watchlist} users are watched`;
        this.#refuseMessage(session, new ProtocolError(CODES.WATCHLIST_TOO_LONG, message), false);
      });
    });
  }

  /** For a restart: clients come back at once, wherever they are led then. */
  #sendAway(session: Session): void {
    this.#end(session, CODES.RECONNECT, 'The server is going away', false);
  }

  #end(session: Session, code: number, reason: string, deliberate: boolean): void {
    this.#release(session, deliberate, String(code));
    session.connection.close(code, reason);
  }

  #release(session: Session, deliberate: boolean, how: string): void {
    if (session.closed) return;
    session.closed = true;
    this.counters.closed.add(how);
    this.#sessions.delete(session);
    this.#watchlists.unwatch(session);
    if (session.user !== undefined) this.#users.remove(session, session.user.id);
    for (const subscription of session.subscriptions.values()) {
      this.#channels.leave(session, subscription, deliberate);
    }
  }
}
