import { type Backend, backendAt } from '../../../src/browser/backend.js';
import type { HistoryAnswer, Message } from '../../../src/browser/history/answer.js';
import { Keeper } from '../../../src/browser/history/keeper.js';
import { type Position, positionIn, textOf } from '../../../src/browser/history/position.js';
import { checked } from '../../../src/browser/options.js';
import type { Listening } from './line.js';

/** A frame of a gateway. */
export interface LightFrame {
  readonly event: string;
  readonly channel?: string;
  readonly data: string;
}

/** The history of a light client's own channel: the keeper and the requests of the browser helper, without its client. */
export class LightHistory {
  /** The reasons of the gaps that the page was told of. */
  readonly gaps: string[] = [];
  /** The events that the backend was asked for. */
  caughtUp = 0;
  readonly #channel: string;
  readonly #backend: Backend;
  readonly #keeper: Keeper;

  /** @param hand takes the events in the order of the log */
  constructor(member: string, server: Listening, hand: (message: Message) => void) {
    const options = checked({
      url: `http://127.0.0.1:${server.port}`,
      headers: { 'x-member': member },
    });
    this.#channel = `#server-to-user-${member}`;
    this.#backend = backendAt(options);
    this.#keeper = new Keeper({
      isCached: false,
      timeoutMs: options.timeoutMs,
      ask: (from, signal) => this.#ask(from, signal),
      hand: (message) => {
        if (message.caughtUp === true) this.caughtUp++;
        hand(message);
      },
      tellGap: (reason) => {
        this.gaps.push(reason);
      },
      save: () => undefined,
    });
    this.#keeper.open(undefined);
  }

  /** A frame of the present connection. @returns whether it was about the history */
  takes({ event, channel, data }: LightFrame): boolean {
    if (event === 'pusher:signin_success') this.#keeper.subscribed();
    if (channel !== this.#channel || event.startsWith('pusher:')) return false;
    if (event === 'pusher_internal:live') {
      const { position, follows } = JSON.parse(data) as Record<string, unknown>;
      const live = positionIn(position);
      if (live === undefined) throw new Error(`A live frame has no position: ${data}`);
      this.#keeper.live(live, positionIn(follows));
    } else this.#keeper.event({ event, channel, data: JSON.parse(data) as unknown });
    return true;
  }

  /** The connection is lost. */
  cut(): void {
    this.#keeper.cut();
  }

  #ask(from: Position | undefined, signal: AbortSignal): Promise<HistoryAnswer> {
    return this.#backend.history(this.#channel, from === undefined ? 'live' : textOf(from), '', signal);
  }
}
