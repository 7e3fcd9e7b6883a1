import { connect } from 'nestjs-switchboard/browser';
import type { Channel, Options, PresenceChannel } from 'pusher-js';
import { Pusher } from '../pusher-browser.js';
import { channelAuth, userAuth } from '../signing.js';
import { onTeardown } from '../teardown.js';
import { APP } from './app.js';
import { Line, type Listening } from './line.js';
import { eventually, SETTLED_MS } from './waiting.js';

/** An event that a browser was told, and when. */
export interface Heard {
  readonly channel: string;
  readonly event: string;
  readonly payload: unknown;
  readonly at: number;
}

/** Which events of `pusher-js` say who comes and goes. */
const MOVES = { 'pusher:member_added': '+', 'pusher:member_removed': '-' } as const;

/**
 * A member's browser: the real `pusher-js`, signed in, on a line of its own that can be cut or led to another node. Gone
 * after the test.
 */
export class Member {
  /** The application's events, in the order of arrival. */
  readonly heard: Heard[] = [];
  /** Every presence channel's comings and goings, like `+ada` and `-ada`, since the first subscription to it. */
  readonly #moves = new Map<string, string[]>();
  /** `pusher-js` makes another channel after `unsubscribe`, but not when that came before the subscription was answered. */
  readonly #bound = new WeakSet<Channel>();
  /** The reports that no server should ever send: somebody came who was there, or left who was not. */
  readonly contradictions: string[] = [];

  private constructor(
    readonly id: string,
    readonly pusher: Pusher,
    readonly line: Line,
  ) {
    pusher.signin();
    pusher.user.bind_global((event: string, payload: unknown) => {
      this.#handle('user', event, payload);
    });
    onTeardown(() => {
      pusher.disconnect();
    });
  }

  /** Starts to connect to a node; does not wait for it. The options are those of `pusher-js` that it has besides. */
  static async open(id: string, node: Listening, options: Partial<Options> = {}): Promise<Member> {
    const line = await Line.to(node);
    const pusher = new Pusher(APP.key, {
      ...options,
      cluster: 'x',
      wsHost: '127.0.0.1',
      wsPort: line.port,
      forceTLS: false,
      enabledTransports: ['ws'],
      channelAuthorization: {
        customHandler: ({ socketId, channelName }, answer) => {
          const data = channelName.startsWith('presence-') ? { user_id: id } : undefined;
          answer(null, channelAuth(APP, socketId, channelName, data));
        },
      },
      userAuthentication: {
        customHandler: ({ socketId }, answer) => {
          answer(null, userAuth(APP, socketId, { id }));
        },
      },
    });
    return new Member(id, pusher, line);
  }

  /**
   * The same by `connect` of the browser helper, which catches up with what it missed. Resolves when it is signed in.
   *
   * @param requests where it reaches the backend's endpoints, which is another line than that of its connection
   */
  static async byConnect(
    id: string,
    node: Listening,
    requests: Listening,
    more: Partial<Options> = {},
  ): Promise<Member> {
    const line = await Line.to(node);
    class OnLine extends Pusher {
      constructor(key: string, options: Options) {
        super(key, { ...options, ...more, wsPort: line.port, wssPort: line.port });
      }
    }
    const { pusher } = await connect(OnLine, {
      url: `http://127.0.0.1:${requests.port}`,
      headers: { 'x-member': id },
    });
    return new Member(id, pusher, line);
  }

  /** Connects to a node, signs in, and is on these channels. */
  static async on(node: Listening, id: string, ...channels: string[]): Promise<Member> {
    const member = await Member.open(id, node);
    for (const channel of channels) member.join(channel);
    await member.isSettled();
    return member;
  }

  /** Subscribes; does not wait for it. */
  join(name: string): void {
    const channel = this.pusher.subscribe(name);
    if (this.#bound.has(channel)) return;
    this.#bound.add(channel);
    channel.bind_global((event: string, payload: unknown) => {
      this.#handle(name, event, payload);
    });
    this.#watchMoves(name, channel);
  }

  /** Unsubscribes; does not wait for it. */
  leave(name: string): void {
    this.pusher.unsubscribe(name);
  }

  /** Is cut off and gone for good, as a browser that crashed. */
  vanish(): void {
    this.line.cut();
    this.pusher.disconnect();
  }

  /** Is cut off and, by itself and in a second, back; on another node, if one is named. */
  drop(node: Listening = this.line.target): void {
    this.line.leadTo(node);
    this.line.cut();
  }

  /** Whether it is connected, signed in, and subscribed to everything it wants. */
  get isReady(): boolean {
    return (
      this.pusher.connection.state === 'connected' &&
      this.pusher.user.user_data !== null &&
      this.pusher.allChannels().every(({ subscribed }) => subscribed)
    );
  }

  /** Waits for that. */
  isSettled(): Promise<void> {
    return eventually(SETTLED_MS, () => {
      if (!this.isReady) throw new Error(`${this.id} is ${this.pusher.connection.state}, and not ready`);
    });
  }

  /** The members of a presence channel, in the browser's eyes; sorted. */
  roster(name: string): string[] {
    const channel = this.pusher.channel(name) as PresenceChannel | undefined;
    return Object.keys((channel?.members.members ?? {}) as object).sort();
  }

  /** The arrivals and departures on a presence channel, since it was first subscribed to. */
  moves(name: string): readonly string[] {
    return this.#moves.get(name) ?? [];
  }

  /** The payloads of an event, on whatever channel it came. */
  payloads(event: string): unknown[] {
    return this.heard.filter((heard) => heard.event === event).map(({ payload }) => payload);
  }

  #handle(channel: string, event: string, payload: unknown): void {
    if (!event.startsWith('pusher:')) this.heard.push({ channel, event, payload, at: performance.now() });
  }

  #watchMoves(name: string, channel: Channel): void {
    const present = new Set<string>();
    const moves = this.#moves.get(name) ?? [];
    this.#moves.set(name, moves);
    channel.bind('pusher:subscription_succeeded', (members: { members?: object } | undefined) => {
      present.clear();
      for (const id of Object.keys(members?.members ?? {})) present.add(id);
    });
    for (const [event, sign] of Object.entries(MOVES)) {
      channel.bind(event, ({ id }: { id: string }) => {
        moves.push(`${sign}${id}`);
        const isPresent = present.has(id);
        if (isPresent === (sign === '+'))
          this.contradictions.push(`${this.id} heard ${sign}${id} on ${name}`);
        if (sign === '+') present.add(id);
        else present.delete(id);
      });
    }
  }
}
