import { PusherEmitter } from './emitter.js';
import { Members } from './members.js';
import type { SocketIoLike } from './socket-io-like.js';

/** The data of the events of a channel itself. */
interface ChannelData {
  readonly presence?: Parameters<Members['reset']>[0];
  readonly user_id?: string;
  readonly user_info?: unknown;
}

/** A channel of a page with `socket.io-client`, with the methods and events that one of `pusher-js` has. */
export class SocketIoChannel extends PusherEmitter {
  /** Whether it gets the channel's events now. */
  subscribed = false;
  /** Empty where the channel is no presence channel. */
  readonly members = new Members();
  readonly #socket: SocketIoLike;

  constructor(
    readonly name: string,
    socket: SocketIoLike,
  ) {
    super();
    this.#socket = socket;
  }

  /** Sends an event to the channel's other subscribers. @returns whether there is a connection that it could be sent on */
  trigger(event: string, data: unknown): boolean {
    if (!this.#socket.connected) return false;
    this.#socket.emit(event, data, this.name);
    return true;
  }

  /** Asks for the channel's events. A refusal is told to the handlers of `pusher:subscription_error`. */
  subscribe(): void {
    this.#socket.emit('subscribe', this.name, (reply: SubscriptionReply) => {
      if (!reply.ok)
        this.emit('pusher:subscription_error', {
          type: 'AuthError',
          error: reply.message,
          status: typeof reply.code === 'string' ? 403 : undefined,
        });
    });
  }

  /** Takes over an event of the channel. @param myId the id of the page's own member */
  receive(event: string, data: unknown, userId: string | undefined, myId: string | null): void {
    const { presence, user_id: id = '', user_info: info } = Object(data) as ChannelData;
    switch (event) {
      case 'pusher:subscription_succeeded':
        this.subscribed = true;
        this.members.myID = myId;
        if (presence !== undefined) this.members.reset(presence);
        this.emit(event, presence === undefined ? data : this.members);
        return;
      case 'pusher:subscription_error':
        this.subscribed = false;
        break;
      case 'pusher:member_added':
        this.emit(event, this.members.add(id, info));
        return;
      case 'pusher:member_removed': {
        const member = this.members.remove(id);
        if (member !== null) this.emit(event, member);
        return;
      }
    }
    this.emit(event, data, userId === undefined ? {} : { user_id: userId });
  }
}

interface SubscriptionReply {
  readonly ok: boolean;
  readonly code?: unknown;
  readonly message?: string;
}
