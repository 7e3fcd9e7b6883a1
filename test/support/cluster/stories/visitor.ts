import { WebSocket } from 'ws';
import { channelType } from '../../../../src/protocol/channel-name.js';
import { channelAuth, userAuth } from '../../signing.js';
import { APP } from '../app.js';
import type { Station } from './station.js';

/** Every answer has to come within this time. */
export const ANSWERED_MS = 10_000;
const BACK_MS = 50;

interface Frame {
  readonly event: string;
  readonly channel?: string;
  readonly data?: string;
}

/** A list of what is told of many users, as the protocol has it. */
interface StatusEvents {
  readonly events: readonly { readonly name: 'online' | 'offline'; readonly user_ids: readonly string[] }[];
}

/**
 * A member's browser at the price of a socket. It wants to be on some channels, comes back whenever its connection is lost,
 * and keeps account of what it is told: whoever comes must not have been there, and whoever leaves must have been.
 */
export class Visitor {
  readonly wants = new Set<string>();
  /** What no server should ever say, or was said too late. */
  readonly contradictions: string[] = [];
  /** The statuses that it was told last of the users whom it watches. */
  readonly statuses = new Map<string, 'online' | 'offline'>();
  /** By presence channel, the members as it was told them; missing before the subscription is answered. */
  readonly #rosters = new Map<string, Set<string>>();
  /** What was asked and not answered yet, with when: a channel's name, or `greeting` or `sign-in`. */
  readonly #asked = new Map<string, number>();
  #station: Station | undefined;
  #socket: WebSocket | undefined;
  #socketId: string | undefined;
  #wantsSignIn = false;
  #isGone = false;

  /** @param route the node that the next connection is led to */
  constructor(
    readonly id: string,
    readonly watchlist: readonly string[],
    private readonly route: () => Station,
  ) {
    this.#connect();
  }

  /** Whether it is, or will be, signed in. */
  get isSignedIn(): boolean {
    return this.#wantsSignIn;
  }

  /** Where it is, or tries to be. */
  get station(): Station | undefined {
    return this.#station;
  }

  /** What it waits for, in words. */
  get waitsFor(): string[] {
    return [...this.#asked.keys()].map((what) => `${this.id} on ${this.#station?.name ?? '?'}: ${what}`);
  }

  /** The members of a presence channel, as it was told them; sorted. */
  roster(channel: string): string[] {
    return [...(this.#rosters.get(channel) ?? [])].sort();
  }

  subscribe(channel: string): void {
    if (this.wants.has(channel)) return;
    this.wants.add(channel);
    if (this.#socketId !== undefined) this.#subscribe(this.#socketId, channel);
  }

  unsubscribe(channel: string): void {
    if (!this.wants.delete(channel)) return;
    this.#rosters.delete(channel);
    this.#asked.delete(channel);
    if (this.#socketId !== undefined) this.#say('pusher:unsubscribe', { channel });
  }

  signIn(): void {
    if (this.#wantsSignIn) return;
    this.#wantsSignIn = true;
    if (this.#socketId !== undefined) this.#signIn(this.#socketId);
  }

  /** Loses its connection, and comes back. */
  reconnect(): void {
    this.#socket?.terminate();
  }

  /** Closes its connection as browsers do, and stays away. */
  quit(): void {
    this.#isGone = true;
    this.#socket?.close();
  }

  /** Is gone without a word. */
  crash(): void {
    this.#isGone = true;
    this.#socket?.terminate();
  }

  /** Notes the answers that are late already. */
  watchTheTime(): void {
    for (const [what, at] of this.#asked) this.#judge(what, at, 'is not answered');
  }

  #connect(): void {
    const station = (this.#station = this.route());
    const socket = (this.#socket = new WebSocket(`ws://127.0.0.1:${station.port}/app/${APP.key}?protocol=7`, {
      perMessageDeflate: false,
    }));
    this.#ask('greeting');
    // It is followed by `close`.
    socket.on('error', () => undefined);
    socket.on('message', (text: Buffer) => {
      if (!this.#isGone) this.#handle(JSON.parse(text.toString()) as Frame);
    });
    socket.on('close', () => {
      this.#lost();
    });
  }

  #lost(): void {
    this.#socketId = undefined;
    this.#asked.clear();
    this.#rosters.clear();
    this.statuses.clear();
    if (this.#isGone) return;
    this.#ask('greeting');
    setTimeout(() => {
      if (!this.#isGone) this.#connect();
    }, BACK_MS).unref();
  }

  #handle({ event, channel = '', data = '{}' }: Frame): void {
    switch (event) {
      case 'pusher:connection_established':
        this.#answered('greeting');
        this.#enter((JSON.parse(data) as { socket_id: string }).socket_id);
        return;
      case 'pusher:signin_success':
        this.#answered('sign-in');
        return;
      case 'pusher_internal:subscription_succeeded':
        this.#subscribed(channel, data);
        return;
      case 'pusher_internal:member_added':
      case 'pusher_internal:member_removed':
        this.#moved(channel, event.endsWith('added'), (JSON.parse(data) as { user_id: string }).user_id);
        return;
      case 'pusher_internal:watchlist_events':
        for (const { name, user_ids: ids } of (JSON.parse(data) as StatusEvents).events) {
          for (const id of ids) this.statuses.set(id, name);
        }
        return;
      case 'pusher:ping':
        this.#say('pusher:pong', {});
        return;
      case 'pusher:error':
      case 'pusher:subscription_error':
        this.#refused(channel, data);
    }
  }

  #enter(socketId: string): void {
    this.#socketId = socketId;
    if (this.#wantsSignIn) this.#signIn(socketId);
    for (const channel of this.wants) this.#subscribe(socketId, channel);
  }

  #signIn(socketId: string): void {
    const watchlist = this.watchlist.length > 0 ? { watchlist: this.watchlist } : {};
    this.#ask('sign-in');
    this.#say('pusher:signin', userAuth(APP, socketId, { id: this.id, ...watchlist }));
  }

  #subscribe(socketId: string, channel: string): void {
    const { access } = channelType(channel);
    const user = access === 'presence' ? { user_id: this.id } : undefined;
    const auth = access === 'public' ? {} : channelAuth(APP, socketId, channel, user);
    this.#ask(channel);
    this.#say('pusher:subscribe', { channel, ...auth });
  }

  #subscribed(channel: string, data: string): void {
    // It may have changed its mind on the way.
    if (!this.wants.has(channel)) return;
    this.#answered(channel);
    if (channelType(channel).access !== 'presence') return;
    const { presence } = JSON.parse(data) as { presence: { ids: readonly string[]; count: number } };
    const roster = new Set(presence.ids);
    this.#rosters.set(channel, roster);
    if (!roster.has(this.id)) this.#contradiction(`is not in its own roster of ${channel}`);
    if (roster.size !== presence.ids.length) this.#contradiction(`has somebody twice on ${channel}`);
    if (roster.size !== presence.count) this.#contradiction(`was told a wrong number on ${channel}`);
  }

  /** Before its own subscription is answered, what comes is about an earlier one. */
  #moved(channel: string, hasCome: boolean, id: string): void {
    const roster = this.#rosters.get(channel);
    if (roster === undefined || this.#asked.has(channel)) return;
    if (id === this.id)
      this.#contradiction(`heard of itself that it ${hasCome ? 'came to' : 'left'} ${channel}`);
    else if (roster.has(id) === hasCome) {
      this.#contradiction(
        hasCome
          ? `heard that ${id} came to ${channel}, who was there`
          : `heard that ${id} left ${channel}, who was not there`,
      );
    }
    if (hasCome) roster.add(id);
    else roster.delete(id);
  }

  #refused(channel: string, data: string): void {
    // A node that ends says so with an error, and closes.
    const { code } = JSON.parse(data) as { code?: number | null };
    if (typeof code === 'number' && code >= 4_200 && code < 4_300) return;
    this.#contradiction(`was refused ${channel}: ${data}`);
  }

  #ask(what: string): void {
    if (!this.#asked.has(what)) this.#asked.set(what, performance.now());
  }

  #answered(what: string): void {
    const at = this.#asked.get(what);
    if (at === undefined) return;
    this.#asked.delete(what);
    this.#judge(what, at, 'was answered late');
  }

  #judge(what: string, askedAt: number, verdict: string): void {
    const ms = performance.now() - Math.max(askedAt, this.#station?.servesSince ?? 0);
    if (ms > ANSWERED_MS) this.#contradiction(`${verdict}: ${what}, after ${Math.round(ms)} ms`);
  }

  #contradiction(text: string): void {
    this.contradictions.push(`${this.id} on ${this.#station?.name ?? '?'} ${text}`);
  }

  #say(event: string, data: object): void {
    this.#socket?.send(JSON.stringify({ event, data }));
  }
}
