// The part of Pusher's protocol that a minimal server needs.
import { createHmac, randomInt, timingSafeEqual } from 'node:crypto';
import { APP } from '../support/events.js';

/** @param {string} text */
const hmac = (text) => createHmac('sha256', APP.secret).update(text).digest('hex');

/**
 * Whether a text was signed with the app's secret. The comparison takes the same time for every signature.
 *
 * @param {string} given
 * @param {string} text
 */
export function isSigned(given, text) {
  const [one, other] = [Buffer.from(given), Buffer.from(hmac(text))];
  return one.length === other.length && timingSafeEqual(one, other);
}

/**
 * Whether a client may join or sign in: `<key>:<signature>`.
 *
 * @param {string} auth
 * @param {string} text
 */
export const isAuthorized = (auth, text) =>
  auth.startsWith(`${APP.key}:`) && isSigned(auth.slice(APP.key.length + 1), text);

/**
 * @param {string} channel
 * @param {string} event
 * @param {string} data
 */
export const frameOf = (channel, event, data) => JSON.stringify({ event, channel, data });

/**
 * One connection, over any kind of socket.
 *
 * @template S
 * @typedef {{ id: string, channels: string[], memberId: string, socket: S }} Session
 */

/**
 * The subscriptions and the signed-in members.
 *
 * @template S
 */
export class PusherServer {
  /** @type {Map<string, Set<Session<S>>>} */
  channels = new Map();
  /** @type {Map<string, Session<S>>} */
  members = new Map();

  /**
   * @param {(auth: string, text: string) => boolean} isAllowed
   * @param {(socket: S, text: string) => void} send
   */
  constructor(isAllowed, send) {
    this.isAllowed = isAllowed;
    this.send = send;
  }

  /**
   * @param {S} socket
   * @returns {Session<S>}
   */
  open(socket) {
    const id = `${randomInt(1, 2 ** 32)}.${randomInt(1, 2 ** 32)}`;
    const data = JSON.stringify({ socket_id: id, activity_timeout: 86_400 });
    this.send(socket, JSON.stringify({ event: 'pusher:connection_established', data }));
    return { id, channels: [], memberId: '', socket };
  }

  /**
   * @param {Session<S>} session
   * @param {string} text
   */
  receive(session, text) {
    const { event, data } = JSON.parse(text);
    if (event === 'pusher:ping') this.send(session.socket, '{"event":"pusher:pong","data":"{}"}');
    else if (event === 'pusher:subscribe') this.#subscribe(session, data);
    else if (event === 'pusher:signin') this.#signIn(session, data);
  }

  /** @param {Session<S>} session */
  close(session) {
    for (const channel of session.channels) {
      const subscribers = this.channels.get(channel);
      subscribers?.delete(session);
      if (subscribers?.size === 0) this.channels.delete(channel);
    }
    this.members.delete(session.memberId);
  }

  /**
   * @param {Session<S>} session
   * @param {{ channel: string, auth?: string }} data
   */
  #subscribe(session, { channel, auth = '' }) {
    if (channel.startsWith('private-') && !this.isAllowed(auth, `${session.id}:${channel}`)) {
      this.#refuse(session);
      return;
    }
    const subscribers = this.channels.get(channel) ?? new Set();
    this.channels.set(channel, subscribers.add(session));
    session.channels.push(channel);
    this.send(session.socket, frameOf(channel, 'pusher_internal:subscription_succeeded', '{}'));
  }

  /**
   * @param {Session<S>} session
   * @param {{ user_data: string, auth: string }} data
   */
  #signIn(session, { user_data: userData, auth }) {
    if (!this.isAllowed(auth, `${session.id}::user::${userData}`)) {
      this.#refuse(session);
      return;
    }
    session.memberId = JSON.parse(userData).id;
    this.members.set(session.memberId, session);
    const data = JSON.stringify({ user_data: userData });
    this.send(session.socket, JSON.stringify({ event: 'pusher:signin_success', data }));
  }

  /** @param {Session<S>} session */
  #refuse({ socket }) {
    const data = { code: 4009, message: 'The signature is wrong' };
    this.send(socket, JSON.stringify({ event: 'pusher:error', data }));
  }
}
