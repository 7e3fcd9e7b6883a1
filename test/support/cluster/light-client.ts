import { WebSocket } from 'ws';
import { channelAuth, userAuth } from '../signing.js';
import { APP } from './app.js';
import { type LightFrame, LightHistory } from './light-history.js';
import type { Listening } from './line.js';

/** Codes at which `pusher-js` comes back at once; at all others after a second. Protocol section 3.11. */
const isAtOnce = (code: number): boolean => code >= 4_200 && code < 4_300;
const LATER_MS = 1_000;

/** Milliseconds on a clock that all processes of a machine share. */
export const sharedNow = (): number => Number(process.hrtime.bigint()) / 1e6;

/** One connection of a client, in the shared clock's milliseconds. */
export interface Visit {
  socketId: string;
  readonly triedAt: number;
  /** When it was signed in and on its channel: from then on it has to hear everything. */
  readyAt: number;
  closedWith?: number;
}

/** A member's browser at the price of a socket: signed in, perhaps in a room, and back whenever it is sent away. */
export class LightClient {
  /** The steady traffic that it heard, as `source:n`, in order. */
  readonly heard: string[] = [];
  readonly visits: Visit[] = [];
  /** Where its member's events have one. */
  readonly history: LightHistory | undefined;
  #socket: WebSocket | undefined;
  #isLeaving = false;
  #missing = 0;

  constructor(
    readonly id: string,
    private readonly server: Listening,
    private readonly room: string | undefined,
    hasHistory = false,
  ) {
    if (!hasHistory) return;
    this.history = new LightHistory(id, server, ({ data }) => {
      this.#hear(data);
    });
  }

  get isReady(): boolean {
    const visit = this.visits.at(-1);
    return visit !== undefined && visit.readyAt > 0 && visit.closedWith === undefined;
  }

  open(): void {
    const socket = new WebSocket(`ws://127.0.0.1:${this.server.port}/app/${APP.key}?protocol=7`, {
      perMessageDeflate: false,
    });
    this.#socket = socket;
    const visit: Visit = { socketId: '', triedAt: sharedNow(), readyAt: 0 };
    socket.on('error', () => undefined);
    socket.on('open', () => {
      this.visits.push(visit);
    });
    socket.on('message', (data: Buffer) => {
      this.#handle(visit, JSON.parse(data.toString()) as LightFrame);
    });
    socket.on('close', (code) => {
      visit.closedWith = code;
      this.history?.cut();
      if (this.#isLeaving) return;
      if (isAtOnce(code)) this.open();
      else {
        setTimeout(() => {
          if (!this.#isLeaving) this.open();
        }, LATER_MS).unref();
      }
    });
  }

  leave(): void {
    this.#isLeaving = true;
    this.#socket?.terminate();
  }

  #hear(payload: unknown): void {
    const { source, n } = payload as { source: string; n: number };
    this.heard.push(`${source}:${n}`);
  }

  #handle(visit: Visit, frame: LightFrame): void {
    if (this.history?.takes(frame) === true) return;
    const { event, data } = frame;
    switch (event) {
      case 'STEADY':
        this.#hear(JSON.parse(data));
        return;
      case 'pusher:connection_established':
        visit.socketId = (JSON.parse(data) as { socket_id: string }).socket_id;
        this.#enter(visit.socketId);
        return;
      case 'pusher:signin_success':
      case 'pusher_internal:subscription_succeeded':
        this.#missing--;
        if (this.#missing === 0) visit.readyAt = sharedNow();
        return;
      case 'pusher:ping':
        this.#say('pusher:pong', {});
    }
  }

  #enter(socketId: string): void {
    this.#missing = this.room === undefined ? 1 : 2;
    this.#say('pusher:signin', userAuth(APP, socketId, { id: this.id }));
    if (this.room === undefined) return;
    const auth = channelAuth(APP, socketId, this.room, { user_id: this.id });
    this.#say('pusher:subscribe', { channel: this.room, ...auth });
  }

  #say(event: string, data: object): void {
    this.#socket?.send(JSON.stringify({ event, data }));
  }
}
