import { WebSocket } from 'ws';
import { APP } from '../../support/cluster/app.js';
import { type LightFrame, LightHistory } from '../../support/cluster/light-history.js';
import type { Listening } from '../../support/cluster/line.js';
import { channelAuth, userAuth } from '../../support/signing.js';

/** How soon a client whose connection broke comes back: sooner than `pusher-js`, because a soak is in a hurry. */
const LATER_MS = 200;

/** A relay as a client hears it. */
export type Listener = (event: string, n: number, visit: string) => void;

/**
 * A member's client at the price of a socket: signs in, is on some channels, and answers pings. It comes back when its
 * connection breaks, if it is to stay.
 */
export class SoakClient {
  /** How many connections all of them have had. */
  static connections = 0;
  /** And how many subscriptions. */
  static subscriptions = 0;

  #socket: WebSocket | undefined;
  #socketId = '';
  /** The requests that are not answered yet; none before it was greeted. */
  #unanswered: Set<string> | undefined;
  /** Where its member's events have one. */
  readonly #history: LightHistory | undefined;
  #closedWith: number | undefined;
  #isLeaving = false;
  #hasEnded: () => void = () => undefined;
  /** Resolves when it is gone for good. */
  readonly ended: Promise<void>;

  constructor(
    readonly id: string,
    private readonly server: Listening,
    private readonly channels: readonly string[],
    private readonly stays: boolean,
    private readonly heard: Listener,
    hasHistory = false,
  ) {
    if (hasHistory)
      this.#history = new LightHistory(id, server, ({ event, data }) => {
        this.heard(event, (data as { n: number }).n, this.#socketId);
      });
    this.ended = new Promise((resolve) => {
      this.#hasEnded = resolve;
    });
    this.#connect();
  }

  /** Whether it is connected, signed in, and on all of its channels. */
  get isReady(): boolean {
    return this.#unanswered?.size === 0;
  }

  /** The event that it waits for, in words. */
  get problem(): string | undefined {
    if (this.isReady) return undefined;
    if (this.#closedWith !== undefined) return `${this.id} was closed with ${this.#closedWith}`;
    return `${this.id} waits for ${[...(this.#unanswered ?? ['the greeting'])].join()}`;
  }

  /** The events that it caught up with. */
  get caughtUp(): number {
    return this.#history?.caughtUp ?? 0;
  }

  /** The reasons of the gaps that it was told of. */
  get gaps(): readonly string[] {
    return this.#history?.gaps ?? [];
  }

  /** Leaves for good, as a page that is closed. */
  leave(): void {
    this.#isLeaving = true;
    this.#socket?.close();
  }

  /** Is gone for good, as a browser that crashed. */
  crash(): void {
    this.#isLeaving = true;
    this.#socket?.terminate();
  }

  #connect(): void {
    const url = `ws://127.0.0.1:${this.server.port}/app/${APP.key}?protocol=7`;
    const socket = new WebSocket(url, { perMessageDeflate: false });
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      this.#hear(JSON.parse(data.toString()) as LightFrame);
    });
    this.#closedWith = undefined;
    socket.on('close', (code) => {
      this.#unanswered = undefined;
      this.#closedWith = code;
      this.#history?.cut();
      if (this.stays && !this.#isLeaving) {
        setTimeout(() => {
          if (this.#isLeaving) this.#hasEnded();
          else this.#connect();
        }, LATER_MS);
      } else this.#hasEnded();
    });
  }

  #hear(frame: LightFrame): void {
    const { event, data, channel = '' } = frame;
    if (this.#history?.takes(frame) === true) return;
    switch (event) {
      case 'pusher:connection_established':
        this.#enter((JSON.parse(data) as { socket_id: string }).socket_id);
        return;
      case 'pusher:signin_success':
        this.#unanswered?.delete('signin');
        return;
      case 'pusher_internal:subscription_succeeded':
        this.#unanswered?.delete(channel);
        return;
      case 'pusher:ping':
        this.#say('pusher:pong', {});
        return;
      default:
        if (!event.startsWith('pusher'))
          this.heard(event, (JSON.parse(data) as { n: number }).n, this.#socketId);
    }
  }

  #enter(socketId: string): void {
    SoakClient.connections++;
    SoakClient.subscriptions += this.channels.length;
    this.#socketId = socketId;
    this.#unanswered = new Set(['signin', ...this.channels]);
    this.#say('pusher:signin', userAuth(APP, socketId, { id: this.id }));
    for (const channel of this.channels) {
      const member = channel.startsWith('presence-') ? { user_id: this.id } : undefined;
      this.#say('pusher:subscribe', { channel, ...channelAuth(APP, socketId, channel, member) });
    }
  }

  #say(event: string, data: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ event, data }));
  }
}
