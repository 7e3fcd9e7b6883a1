import type { Clock } from '../ports/clock.js';
import type { Cluster } from '../ports/cluster.js';
import { LIMITS } from '../ports/limits.js';
import type { SocketConfig } from '../ports/socket-config.js';
import type { User } from '../ports/user.js';
import { channelType, userChannel } from '../protocol/channel-name.js';
import { type ClientFrame, dataFields, textField } from '../protocol/client-frame.js';
import { CODES, ProtocolError } from '../protocol/codes.js';
import { CLIENT_EVENT_PREFIX, MESSAGE_FRAME_PREFIX } from '../protocol/event-name.js';
import { frame, PONG } from '../protocol/frame.js';
import { MESSAGE_FRAMES, readAnswer } from '../protocol/message-frames.js';
import { admitToChannel, admitUser, type SubscribeRequest } from './admission.js';
import type { ChannelEventSource } from './channel-event-source.js';
import type { Channels } from './channels.js';
import { type ClientEvent, clientEvent } from './client-events.js';
import type { ClientMessages } from './client-messages.js';
import type { ConnectionCounters } from './connection-counters.js';
import type { MemberAsks } from './member-asks.js';
import type { Session, Subscription } from './session.js';
import type { Users } from './users.js';
import type { Watchlists } from './watchlists.js';

/** The parts of the engine that a client's frames act on. */
export interface FrameHandlerParts {
  readonly config: SocketConfig;
  readonly clock: Clock;
  readonly events: ChannelEventSource;
  readonly cluster: Cluster;
  readonly channels: Channels;
  readonly users: Users;
  readonly watchlists: Watchlists;
  readonly counters: ConnectionCounters;
  readonly messages: ClientMessages;
  readonly asks: MemberAsks;
  /** Ends a connection whose client is to come back with another one at once. */
  readonly renew: (session: Session, reason: string) => void;
  /** Answers a frame with `pusher:error` after {@link FrameHandler.handle} has returned. */
  readonly refuse: (session: Session, error: ProtocolError) => void;
}

/** Does what a client's frame asks for: subscribe, unsubscribe, sign in, pass a client event on. */
export class FrameHandler {
  readonly #config: SocketConfig;
  readonly #clock: Clock;
  readonly #events: ChannelEventSource;
  readonly #cluster: Cluster;
  readonly #channels: Channels;
  readonly #users: Users;
  readonly #watchlists: Watchlists;
  readonly #counters: ConnectionCounters;
  readonly #messages: ClientMessages;
  readonly #asks: MemberAsks;
  readonly #renew: (session: Session, reason: string) => void;
  readonly #refuse: (session: Session, error: ProtocolError) => void;

  constructor(parts: FrameHandlerParts) {
    this.#config = parts.config;
    this.#clock = parts.clock;
    this.#events = parts.events;
    this.#cluster = parts.cluster;
    this.#channels = parts.channels;
    this.#users = parts.users;
    this.#watchlists = parts.watchlists;
    this.#counters = parts.counters;
    this.#messages = parts.messages;
    this.#asks = parts.asks;
    this.#renew = parts.renew;
    this.#refuse = parts.refuse;
  }

  /**
   * @param text the frame as it came
   * @throws ProtocolError when the frame is refused; the connection stays open
   */
  handle(session: Session, received: ClientFrame, text: string): void {
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
    if (received.event.startsWith(CLIENT_EVENT_PREFIX)) {
      if (this.#messages.takes(received)) this.#messages.handleClientEvent(session, received, text);
      else this.#forwardClientEvent(session, received);
    } else if (received.event.startsWith(MESSAGE_FRAME_PREFIX)) this.#handleMessage(session, received, text);
    else throw unknownEvent();
  }

  #handleMessage(session: Session, received: ClientFrame, text: string): void {
    switch (received.event) {
      case MESSAGE_FRAMES.SEND:
      case MESSAGE_FRAMES.ASK:
        this.#messages.handle(session, received, text);
        return;
      case MESSAGE_FRAMES.ANSWER:
        this.#asks.answered(session, readAnswer(received), text);
        return;
      default:
        throw unknownEvent();
    }
  }

  #forwardClientEvent(session: Session, received: ClientFrame): void {
    this.passOn(clientEvent(this.#config, session, received, this.#clock.now()), session);
  }

  /** Sends a client event to the other subscribers of its channel. */
  passOn(event: ClientEvent, session: Session): void {
    const { channel, event: name, data, user_id: userId } = event;
    const sender = userId === undefined ? {} : { userId };
    const published = this.#channels.publish(channel, {
      event: name,
      data,
      exceptSocketId: session.id,
      isClientEvent: true,
      ...sender,
    });
    published?.catch(() => {
      // The protocol has no answer to a client event that other nodes missed. The cluster has counted the loss.
    });
    this.#counters.clientEvents++;
    this.#events.emit(event);
  }

  #subscribe(session: Session, received: ClientFrame): void {
    const fields = dataFields(received);
    const name = textField(fields, 'channel');
    const channelData = textField(fields, 'channel_data');
    const request = { channel: name, auth: textField(fields, 'auth'), channelData: channelData || undefined };
    const existing = session.subscriptions.get(name);
    if (existing?.channel.type.access === 'user') {
      // The signin has subscribed the session already. pusher-js subscribes all the same, and waits for the answer.
      this.#channels.resume(session, existing.channel);
      return;
    }
    if (existing !== undefined) throw new ProtocolError(null, `Existing subscription to channel ${name}`);
    if (session.removedFrom?.has(name) === true) {
      this.#renew(session, 'Removed from the channel: a new connection asks the authorizer again');
      return;
    }
    const user = this.#admit(session, request);
    this.#channels.join(session, name, user, () => {
      const { presenceMembers } = this.#config.gateway.limits;
      const reason = `The presence channel ${name} is full: ${presenceMembers} members are allowed`;
      this.#refuse(session, new ProtocolError(CODES.UNAUTHORIZED, reason));
    });
    if (channelType(name).access !== 'public') session.isAuthorized = true;
  }

  /** @throws ProtocolError that names the channel */
  #admit(session: Session, request: SubscribeRequest): User | undefined {
    try {
      this.#limitSubscriptions(session);
      const user = admitToChannel(this.#config.app, session, request);
      this.#limitChannels(request.channel);
      return user;
    } catch (error) {
      throw error instanceof ProtocolError ? naming(request.channel, error) : error;
    }
  }

  #unsubscribe(session: Session, subscription: Subscription): void {
    const { channel } = subscription;
    // The subscription to the user's own channel stays: it is what makes the user online while the session is signed in.
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

  /**
   * Limits the number of public channels only. The application signs for every other channel, and clients who invent the
   * names of public channels must not crowd those out.
   */
  #limitChannels(name: string): void {
    const { channels } = this.#config.gateway.limits;
    if (channels === 0 || this.#cluster.size < channels || this.#cluster.knows(name)) return;
    if (channelType(name).access !== 'public' || name === this.#config.broadcastChannel) return;
    throw new ProtocolError(
      CODES.OVER_CAPACITY,
      `Subscription refused: there are ${channels} channels already`,
    );
  }

  #limitSignins(session: Session): void {
    const { signinsPerSecond } = this.#config.gateway.limits;
    if (session.signinRate.allows(signinsPerSecond, this.#clock.now())) return;
    throw new ProtocolError(CODES.RATE_EXCEEDED, `Signin refused: more than ${signinsPerSecond} in a second`);
  }

  #signIn(session: Session, received: ClientFrame): void {
    this.#limitSignins(session);
    const fields = dataFields(received);
    const sent = textField(fields, 'user_data');
    const auth = textField(fields, 'auth');
    const { user, watchlist, isWatchlistCut, userData } = admitUser(this.#config.app, session, auth, sent);
    const ownChannel = userChannel(user.id);
    session.user = user;
    session.isAuthorized = true;
    this.#users.add(session, ownChannel);
    // The signin itself subscribes: a relay that comes before the client's own subscription must not be missed.
    this.#channels.joinSilently(session, ownChannel, () => {
      session.connection.send(
        frame('pusher:signin_success', { data: JSON.stringify({ user_data: userData }) }),
      );
      this.#watchlists.watch(session, user.id, watchlist, () => {
        if (!isWatchlistCut) return;
        const message = `The watchlist is too long: its first ${LIMITS.watchlist} users are watched`;
        this.#refuse(session, new ProtocolError(CODES.WATCHLIST_TOO_LONG, message));
      });
    });
  }
}

function unknownEvent(): ProtocolError {
  return new ProtocolError(
    null,
    'Unknown event: clients may send "pusher:…" protocol events, "client-…" events and "switchboard:…" messages',
  );
}

/** The refusal of a subscription, with the channel's name, because a client may have asked for many. */
function naming(channel: string, error: ProtocolError): ProtocolError {
  const isNamed = channel === '' || error.message.includes(channel);
  if (isNamed || channel.length > LIMITS.channelNameLength) return error;
  return new ProtocolError(error.code, `${error.message} (subscription to ${channel})`);
}
