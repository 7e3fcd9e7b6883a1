import { HistoryRules } from '../history/history-rules.js';
import type { ChannelEvent } from '../ports/channel-events.js';
import type { ClientMessage, MessageAnswer, MessageReceiver } from '../ports/client-messages.js';
import type { Clock } from '../ports/clock.js';
import type {
  AskAnswer,
  ChannelInfo,
  ChannelMessage,
  Cluster,
  ClusterNode,
  ClusterStatistics,
  JoinCluster,
  MemberAsk,
} from '../ports/cluster.js';
import type { HistoryStatistics, HistoryStore, Position } from '../ports/history.js';
import type { SocketLogger } from '../ports/logger.js';
import type { SocketConfig } from '../ports/socket-config.js';
import type { User } from '../ports/user.js';
import { userChannel } from '../protocol/channel-name.js';
import { type ClientFrame, parseClientFrame } from '../protocol/client-frame.js';
import { CODES, ProtocolError, RESTARTING } from '../protocol/codes.js';
import { connectionEstablished, errorFrame, removedFrom } from '../protocol/frame.js';
import type { ChannelEventSource } from './channel-event-source.js';
import { Channels } from './channels.js';
import { passedOn } from './client-events.js';
import { ClientMessages } from './client-messages.js';
import type { Connection } from './connection.js';
import { ConnectionCounters } from './connection-counters.js';
import { Drain } from './drain.js';
import { FanOut } from './fan-out.js';
import { FrameHandler } from './frame-handler.js';
import { Liveness } from './liveness.js';
import { MemberAsks } from './member-asks.js';
import { MessageRate } from './message-rate.js';
import { type Inbound, Session } from './session.js';
import { type MissedUsers, UserEvents } from './user-events.js';
import { Users } from './users.js';
import { Watchlists } from './watchlists.js';

/**
 * The channel engine: it knows which connections are open, signed in and subscribed, and delivers events to them. It speaks
 * the Pusher Channels protocol to anything that can `send` and `close`, and knows nothing of sockets, HTTP and Nest.
 *
 * Every call takes effect before it returns, in the order of the calls. No message from a client makes a method throw.
 */
export class ChannelEngine implements ClusterNode {
  /** The events in the life of connections, counted. The gateway counts the connections here that it refuses. */
  readonly counters = new ConnectionCounters();
  readonly #config: SocketConfig;
  readonly #clock: Clock;
  readonly #logger: SocketLogger;
  readonly #events: ChannelEventSource;
  readonly #sessions = new Set<Session>();
  readonly #users = new Users();
  readonly #watchlists: Watchlists;
  readonly #channels: Channels;
  readonly #fanOut = new FanOut();
  readonly #userEvents: UserEvents;
  readonly #messages: ClientMessages;
  readonly #asks: MemberAsks;
  readonly #frames: FrameHandler;
  readonly #liveness: Liveness;
  readonly #messageRate: MessageRate;
  readonly #drain: Drain;
  readonly #cluster: Cluster;
  /** Whether another node takes this node's clients when it ends. */
  #hasSuccessor = true;
  #retiring: Promise<boolean> | undefined;

  constructor(
    config: SocketConfig,
    clock: Clock,
    logger: SocketLogger,
    events: ChannelEventSource,
    joinCluster: JoinCluster,
  ) {
    this.#config = config;
    this.#clock = clock;
    this.#logger = logger;
    this.#events = events;
    this.#cluster = joinCluster(this);
    this.#watchlists = new Watchlists(this.#cluster, clock, config.gateway.limits);
    const rules = new HistoryRules(config);
    this.#channels = new Channels(this.#cluster, rules, (error) => {
      logger.error(`Unexpected error while answering a subscription: ${String(error)}`);
    });
    this.#userEvents = new UserEvents(this.#cluster, this.#channels, this.#fanOut, rules.hasMembers);
    this.#asks = new MemberAsks(this.#cluster, clock, this.#users, config.handlers.limits.messageBytes);
    this.#messages = new ClientMessages({
      logger,
      passOn: (session, message) => {
        this.#frames.passOn(passedOn(session, message), session);
      },
      refuse: (session, error) => {
        // The message was handled long ago, as far as a transport with answers is concerned.
        this.#refuseMessage(session, error, false, false);
      },
    });
    this.#frames = new FrameHandler({
      config,
      clock,
      events,
      cluster: this.#cluster,
      channels: this.#channels,
      users: this.#users,
      watchlists: this.#watchlists,
      counters: this.counters,
      messages: this.#messages,
      asks: this.#asks,
      renew: (session, reason) => {
        this.#end(session, CODES.RECONNECT, reason, false);
      },
      refuse: (session, error) => {
        // A signin with a watchlist that is too long succeeds.
        this.#refuseMessage(session, error, false, error.code !== CODES.WATCHLIST_TOO_LONG);
      },
    });
    this.#liveness = new Liveness(clock, config.gateway, this.#sessions, (session, code, reason) => {
      this.#end(session, code, reason, false);
    });
    this.#messageRate = new MessageRate(clock, config.gateway.limits, (session, reason) => {
      // The message itself is handled later.
      this.#refuseMessage(session, new ProtocolError(CODES.RATE_EXCEEDED, reason), false, false);
    });
    const caughtUp = () => this.#caughtUp();
    this.#drain = new Drain(clock, config.gateway, this.#sessions, { caughtUp }, (session) => {
      this.#sendAway(session);
    });
  }

  /** The number of this node's open connections. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** The number of channels with subscriptions on this node, or with a member whose grace period is running. */
  get channels(): number {
    return this.#cluster.size;
  }

  /** The number of subscriptions of this node's connections. */
  get subscriptions(): number {
    return this.#channels.subscriptions;
  }

  /** The number of users who are signed in on this node. */
  get users(): number {
    return this.#users.size;
  }

  /** This node's name in its cluster; `undefined` when there is one node only. */
  get node(): string | undefined {
    return this.#cluster.node;
  }

  /** The messages between nodes that did not arrive; `undefined` when there is one node only. */
  get statistics(): ClusterStatistics | undefined {
    return this.#cluster.statistics;
  }

  /** The logs of the channels with history, and the claims of relays. */
  get history(): HistoryStore {
    return this.#cluster.history;
  }

  /** The events that this process keeps, counted; `undefined` where no channel has history. */
  get historyStatistics(): HistoryStatistics | undefined {
    return this.#cluster.historyStatistics;
  }

  /** Why the other nodes cannot be reached now; `undefined` while they can, and when there are none. */
  get problem(): string | undefined {
    return this.#cluster.problem();
  }

  /**
   * The occupied channels whose names begin with a prefix, on all nodes. Users' own channels are left out.
   *
   * Rejects when the other nodes cannot be reached, like every question about all nodes.
   */
  occupiedChannels(prefix = ''): Promise<readonly ChannelInfo[]> {
    return this.#cluster.channels(prefix);
  }

  /** A channel as it is on all nodes together, occupied or not. */
  channelInfo(name: string): Promise<ChannelInfo> {
    return this.#cluster.channel(name);
  }

  /** The members of a presence channel, on all nodes. */
  members(channel: string): Promise<readonly User[]> {
    return this.#cluster.members(channel);
  }

  /** Those of these users who are signed in on at least one connection, on any node. */
  async online(userIds: readonly string[]): Promise<ReadonlySet<string>> {
    const online = await this.#cluster.online(userIds.map(userChannel));
    return new Set(userIds.filter((id) => online.has(userChannel(id))));
  }

  /** Connects to the cluster, if there is one, until {@link close}. Before, a connection is there only while a call needs it. */
  connectCluster(): void {
    this.#cluster.open();
  }

  /** Joins the cluster as a node that expects connections. A process that only publishes never calls it. */
  start(): Promise<void> {
    return this.#cluster.start();
  }

  /** Opens a session for a new connection, and sends it `pusher:connection_established`. */
  open(connection: Connection): Session {
    const session = new Session(connection, this.#clock.now(), this.#handle);
    this.#sessions.add(session);
    this.counters.opened++;
    this.#liveness.watch();
    connection.send(connectionEstablished(connection.id, this.#config.gateway.activityTimeoutS));
    return session;
  }

  /** Handles one text frame from a client. A frame that is refused is answered with `pusher:error`. */
  receive(session: Session, text: string): void {
    if (session.isClosed) return;
    session.lastActivity = this.#clock.now();
    session.pingedAt = undefined;
    session.handleInOrder(text);
  }

  /** Hands the messages of clients to the application's handlers from now on. */
  connectReceiver(receiver: MessageReceiver): void {
    this.#messages.connect(receiver);
  }

  /**
   * Has a message handled that came in a transport's own frames: the engine reads those of the Pusher protocol itself. The sender has
   * to be subscribed to the message's channel. Adapters call this.
   *
   * @returns the answer; `undefined` for a message that is to get none. Never rejects
   */
  receiveMessage(session: Session, message: ClientMessage): Promise<MessageAnswer | undefined> {
    return this.#messages.receive(session, message);
  }

  readonly #handle = (session: Session, inbound: Inbound): void => {
    if (this.#messageRate.isExceeded(session, inbound)) this.#messageRate.throttle(session, inbound);
    else if (typeof inbound === 'string') this.#handleText(session, inbound);
    else this.#refuseMessage(session, inbound, true);
  };

  #handleText(session: Session, text: string): void {
    let received: ClientFrame | undefined;
    try {
      received = parseClientFrame(text);
      this.#frames.handle(session, received, text);
    } catch (error) {
      this.#refuseMessage(session, error, received === undefined);
    }
    session.connection.handled?.();
  }

  /** Answers a message that is not a text frame with `pusher:error`; the connection stays open. */
  refuse(session: Session, error: ProtocolError): void {
    if (!session.isClosed) session.handleInOrder(error);
  }

  /** Counts a message that was answered elsewhere: a ping of the WebSocket itself, or a refusal by the application. */
  countMessage(session: Session): void {
    if (!session.isClosed && this.#messageRate.isExceeded(session)) this.#messageRate.throttle(session);
  }

  #refuseMessage(session: Session, error: unknown, isMalformed: boolean, isRefusal = true): void {
    const code = error instanceof ProtocolError ? (error.code ?? 'none') : 'internal';
    this.counters.messagesRefused.add(isMalformed ? 'malformed' : String(code));
    this.#sendError(session, error, isRefusal);
  }

  #sendError(session: Session, error: unknown, isRefusal: boolean): void {
    if (!(error instanceof ProtocolError)) {
      this.#logger.error(`Unexpected error while handling a client's frame: ${String(error)}`);
    }
    const wireError =
      error instanceof ProtocolError ? error : new ProtocolError(null, 'The message could not be handled');
    const { connection } = session;
    if (connection.tell === undefined) connection.send(errorFrame(wireError));
    else connection.tell(wireError, isRefusal);
  }

  /**
   * Closes the session of a lost connection. Its members leave presence channels after the grace period.
   *
   * @param reason as in `ConnectionCounters.closed`; ignored when the engine has closed the session itself
   */
  connectionLost(session: Session, reason = 'client'): void {
    this.#release(session, false, reason);
  }

  /**
   * Counts the end of a connection as soon as its reason is known. {@link connectionLost} follows, and does not count it again.
   *
   * @param reason as in `ConnectionCounters.closed`
   */
  countEnd(session: Session, reason: string): void {
    if (session.isEndCounted) return;
    session.isEndCounted = true;
    this.counters.closed.add(reason);
  }

  /**
   * Announces that this node is about to {@link drain}.
   *
   * @returns whether another node can take its clients; `undefined` when there is one node only. A second call returns the same
   */
  retire(): Promise<boolean> | undefined {
    if (this.#retiring !== undefined) return this.#retiring;
    const answer = this.#cluster.retire();
    this.#hasSuccessor = answer !== undefined;
    return (this.#retiring = answer?.then((hasSuccessor) => (this.#hasSuccessor = hasSuccessor)));
  }

  /**
   * Sends the clients away. When another node takes them: a few at a time over the configured window, and the remaining ones
   * are served meanwhile. Otherwise all at once. Resolves when no connection is left; a second call waits for the same drain.
   */
  async drain(): Promise<void> {
    await this.#drain.run(this.#hasSuccessor);
    // Of those that were about to be opened when the drain began.
    this.#endAll();
  }

  /** Ends the remaining connections after the events that are on their way to them, and leaves the cluster. */
  async close(): Promise<void> {
    const idle = this.#fanOut.idle();
    if (idle !== undefined) await idle;
    this.#endAll();
    this.#liveness.stop();
    this.#asks.close();
    await this.#cluster.close();
    this.#events.flush();
  }

  /**
   * Sends an event to all subscribers of a channel: to this node's before it returns, unless an event to many users is still on
   * its way to this one, or the channel has history on several nodes.
   *
   * @param key names the event where it may come twice on a channel with history
   * @returns a promise that rejects when the other nodes cannot be reached; `undefined` when there is nothing to wait for
   */
  publish(
    channel: string,
    event: string,
    data: string | undefined,
    exceptSocketId?: string,
    key?: string,
  ): Promise<void> | undefined {
    return this.#fanOut.toOne(channel, () =>
      this.#channels.publish(channel, { event, data, exceptSocketId }, key),
    );
  }

  /**
   * Sends an event to many users: to few on this node before it returns, to more of them in slices.
   *
   * @param userIds each of them once
   * @returns those whom it may have missed, because the other nodes could not be reached; `undefined` when there is nothing to
   * wait for
   */
  publishToUsers(
    userIds: readonly string[],
    event: string,
    data: string | undefined,
    exceptSocketId?: string,
    key?: string,
  ): Promise<readonly MissedUsers[]> | undefined {
    return this.#userEvents.publish(userIds, { event, data, exceptSocketId }, key);
  }

  /**
   * Ends every connection that is signed in as a user, for good: clients do not reconnect by themselves after 4009.
   *
   * @param channel the user's own channel
   * @returns a promise that rejects when the other nodes cannot be reached; `undefined` when there is nothing to wait for
   */
  terminateEverywhere(channel: string): Promise<void> | undefined {
    return this.#fanOut.toOne(channel, () => {
      const told = this.#cluster.terminate(channel);
      const appended = this.#channels.appended(channel);
      if (appended === undefined) {
        this.#terminate(channel);
        return told;
      }
      // The user still gets the events that have no position yet.
      const terminated = appended.then(() => {
        this.#terminate(channel);
      });
      return Promise.all([told, terminated]).then(() => undefined);
    });
  }

  terminate(channel: string): void {
    void this.#fanOut.toOne(channel, () => {
      this.#terminate(channel);
      return undefined;
    });
  }

  /** Ends a user's connections to this node. */
  #terminate(channel: string): void {
    for (const session of this.#users.sessionsOf(channel)) {
      const reason = 'Connection terminated by the application';
      this.#sendError(session, new ProtocolError(CODES.UNAUTHORIZED, reason), false);
      this.#end(session, CODES.UNAUTHORIZED, reason, true);
    }
  }

  /**
   * Ends a user's subscriptions to a channel, on this node before it returns.
   *
   * @returns a promise that rejects when the other nodes cannot be reached; `undefined` when there is nothing to wait for
   */
  removeEverywhere(channel: string, userId: string): Promise<void> | undefined {
    this.remove(channel, userId);
    return this.#cluster.remove(channel, userId);
  }

  /** Ends a user's subscriptions to a channel on this node. */
  remove(channel: string, userId: string): void {
    for (const session of this.#sessions) {
      const subscription = session.subscriptions.get(channel);
      if (session.user?.id !== userId && subscription?.user?.id !== userId) continue;
      // Also where there is no subscription now: the client may have a signature from an earlier one.
      (session.removedFrom ??= new Set()).add(channel);
      if (subscription === undefined) continue;
      this.#channels.leave(session, subscription, true);
      session.connection.send(removedFrom(channel));
    }
  }

  /**
   * Asks a member through the member's browsers, on all nodes. Resolves with the first answer.
   *
   * @param json the payload's JSON text; `undefined` where there is none
   * @param timeoutMs milliseconds to wait for it
   * @throws SocketNoAnswerError
   */
  ask(memberId: string, event: string, json: string | undefined, timeoutMs: number): Promise<unknown> {
    return this.#asks.ask(memberId, event, json, timeoutMs);
  }

  askedElsewhere(channel: string, ask: MemberAsk, answered: (answer: AskAnswer) => void): void {
    this.#asks.deliver(channel, ask, answered);
  }

  deliver(channel: string, message: ChannelMessage): void {
    // Positions are the order already, and a new subscriber is told the position of what came here.
    if (message.position !== undefined) {
      this.#channels.deliver(channel, message);
      return;
    }
    void this.#fanOut.toOne(channel, () => {
      this.#channels.deliver(channel, message);
      return undefined;
    });
  }

  live(channel: string, position: Position, follows?: Position): void {
    this.#channels.live(channel, position, follows);
  }

  deliverToUsers(userChannels: readonly string[], message: ChannelMessage): void {
    this.#userEvents.deliver(userChannels, message);
  }

  memberAdded(channel: string, user: User): void {
    this.#channels.memberAdded(channel, user);
  }

  memberChanged(channel: string, user: User): void {
    this.#channels.memberChanged(channel, user);
  }

  memberRemoved(channel: string, userId: string): void {
    this.#channels.memberRemoved(channel, userId);
  }

  counted(channel: string, count: number): void {
    this.#channels.counted(channel, count);
  }

  statusChanged(channel: string, isOnline: boolean): void {
    this.#watchlists.statusChanged(channel, isOnline);
  }

  emit(event: ChannelEvent): void {
    this.#events.emit(event);
  }

  /** Resolves when everything is delivered that the other nodes had sent before; `undefined` when it is. */
  #caughtUp(): Promise<void> | undefined {
    const heard = this.#cluster.caughtUp();
    if (heard === undefined) return this.#fanOut.idle();
    return heard.then(() => this.#fanOut.idle());
  }

  #endAll(): void {
    for (const session of this.#sessions) this.#sendAway(session);
  }

  /**
   * Ends a connection before a restart. After 4200 clients reconnect at once, to the node that the balancer chooses. Without
   * another node that attempt would fail.
   */
  #sendAway(session: Session): void {
    if (this.#hasSuccessor) this.#end(session, CODES.RECONNECT, 'The server is going away', false);
    else this.#end(session, CODES.OVER_CAPACITY, RESTARTING, false);
  }

  #end(session: Session, code: number, reason: string, isDeliberate: boolean): void {
    this.#release(session, isDeliberate, String(code));
    session.connection.close(code, reason);
  }

  #release(session: Session, isDeliberate: boolean, reason: string): void {
    if (session.isClosed) return;
    session.isClosed = true;
    this.countEnd(session, reason);
    this.#sessions.delete(session);
    this.#watchlists.unwatch(session);
    if (session.user !== undefined) this.#users.remove(session, userChannel(session.user.id));
    for (const subscription of session.subscriptions.values()) {
      this.#channels.leave(session, subscription, isDeliberate);
    }
  }
}
