import { io, type Socket } from 'socket.io-client';
import { authOf, type Reply } from '../socket-io-browser.js';
import { onTeardown } from '../teardown.js';
import { Line, type Listening } from './line.js';
import type { Heard } from './member.js';
import { eventually, SETTLED_MS } from './waiting.js';

/**
 * A member's page with the real `socket.io-client`, on a line of its own that can be cut or led to another node. It subscribes to
 * its channels whenever it is connected. Gone after the test.
 */
export class SocketIoMember {
  /** The application's events, in the order of arrival. */
  readonly heard: Heard[] = [];
  /** The codes of every `pusher:closing`. */
  readonly closings: number[] = [];
  /** The reports that no server should ever send: somebody came who was there, or left who was not. */
  readonly contradictions: string[] = [];
  readonly #channels = new Set<string>();
  readonly #subscribed = new Set<string>();
  readonly #rosters = new Map<string, Set<string>>();
  readonly #moves = new Map<string, string[]>();

  private constructor(
    readonly id: string,
    readonly socket: Socket,
    readonly line: Line,
    channels: readonly string[],
  ) {
    for (const channel of channels) this.#channels.add(channel);
    socket.on('connect', () => {
      for (const channel of this.#channels) void this.#subscribe(channel);
    });
    socket.on('disconnect', () => {
      this.#subscribed.clear();
    });
    socket.onAny((event: string, payload: unknown, channel = 'user') => {
      this.#handle(event, payload, String(channel));
    });
  }

  /** Starts to connect to a node, and to these channels; does not wait for it. */
  static async open(id: string, node: Listening, ...channels: string[]): Promise<SocketIoMember> {
    const line = await Line.to(node);
    const socket = io(`http://127.0.0.1:${String(line.port)}`, {
      ...{ auth: authOf(id), transports: ['websocket'], forceNew: true, autoUnref: true },
      ...{ reconnectionDelay: 50, reconnectionDelayMax: 200 },
    });
    onTeardown(() => {
      socket.disconnect();
    });
    return new SocketIoMember(id, socket, line, channels);
  }

  /** Connects to a node, and is on these channels. */
  static async on(node: Listening, id: string, ...channels: string[]): Promise<SocketIoMember> {
    const member = await SocketIoMember.open(id, node, ...channels);
    await member.isSettled();
    return member;
  }

  /** Is cut off, and back by itself; on another node, if one is named. */
  drop(node: Listening = this.line.target): void {
    this.line.leadTo(node);
    this.line.cut();
  }

  /** Leaves for good. */
  leave(): void {
    this.socket.disconnect();
  }

  /** Waits until it is connected, and subscribed to everything that it wants. */
  isSettled(): Promise<void> {
    return eventually(SETTLED_MS, () => {
      expect({ id: this.id, on: [...this.#subscribed].sort() }).toEqual({
        id: this.id,
        on: [...this.#channels].sort(),
      });
      expect(this.socket.connected).toBe(true);
    });
  }

  /** The members of a presence channel, in the page's eyes; sorted. */
  roster(name: string): string[] {
    return [...(this.#rosters.get(name) ?? [])].sort();
  }

  /** The arrivals and departures on a presence channel. */
  moves(name: string): readonly string[] {
    return this.#moves.get(name) ?? [];
  }

  /** The payloads of an event, on whatever channel it came. */
  payloads(event: string): unknown[] {
    return this.heard.filter((heard) => heard.event === event).map(({ payload }) => payload);
  }

  async #subscribe(channel: string): Promise<void> {
    const reply = (await this.socket.emitWithAck('subscribe', channel)) as Reply;
    if (!reply.ok) throw new Error(`${this.id} is refused on ${channel}: ${String(reply.message)}`);
    this.#subscribed.add(channel);
  }

  #handle(event: string, payload: unknown, channel: string): void {
    const { presence, user_id, code } = Object(payload) as {
      presence?: { ids: readonly string[] };
      user_id?: string;
      code?: number;
    };
    if (event === 'pusher:closing') this.closings.push(Number(code));
    else if (event === 'pusher:subscription_succeeded' && presence !== undefined)
      this.#rosters.set(channel, new Set(presence.ids));
    else if (event === 'pusher:member_added') this.#move('+', channel, String(user_id));
    else if (event === 'pusher:member_removed') this.#move('-', channel, String(user_id));
    else if (!event.startsWith('pusher:'))
      this.heard.push({ channel, event, payload, at: performance.now() });
  }

  #move(sign: '+' | '-', channel: string, id: string): void {
    const roster = this.#rosters.get(channel) ?? new Set();
    if (roster.has(id) === (sign === '+'))
      this.contradictions.push(`${this.id} heard ${sign}${id} on ${channel}`);
    if (sign === '+') roster.add(id);
    else roster.delete(id);
    this.#moves.set(channel, [...this.moves(channel), sign + id]);
  }
}
