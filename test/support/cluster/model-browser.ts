import { ConnectError } from '../../../src/browser/connect-error.js';
import type { HistoryAnswer } from '../../../src/browser/history/answer.js';
import { Keeper } from '../../../src/browser/history/keeper.js';
import type { Connection } from '../../../src/channels/connection.js';
import type { Session } from '../../../src/channels/session.js';
import type { Position } from '../../../src/ports/history.js';
import type { Frame } from '../../../src/protocol/frame.js';
import { readPosition } from '../../../src/protocol/position.js';
import { APP } from '../engine-session.js';
import { channelAuth } from '../signing.js';
import type { EngineNode } from './engines.js';

/** An answer has so many events at the most, so that a page asks several times. */
const PAGE = 7;

let opened = 0;

/** A page on one channel, without a socket: the keeper of the browser helper itself, over the frames of an engine. */
export class ModelBrowser {
  /** The events that the page was handed, and `gap …` in its place for every gap that it was told of. */
  readonly heard: string[] = [];
  #node: EngineNode | undefined;
  #client: PageClient | undefined;
  readonly #keeper: Keeper;

  constructor(
    readonly channel: string,
    /** A node that can be asked now. */
    private readonly anyNode: () => EngineNode,
  ) {
    this.#keeper = new Keeper({
      isCached: false,
      timeoutMs: 0,
      ask: (from) => this.#ask(from),
      hand: ({ event }) => {
        this.heard.push(event);
      },
      tellGap: (reason) => {
        this.heard.push(`gap ${reason}`);
      },
      save: () => undefined,
    });
    this.#keeper.open(undefined);
  }

  /** The node that it is on; `undefined` while it is cut off. */
  get node(): EngineNode | undefined {
    return this.#node;
  }

  comesTo(node: EngineNode): void {
    this.isCut();
    this.#node = node;
    const id = `${++opened}.7`;
    const client = new PageClient(node, id, (text) => {
      if (this.#client?.id === id) this.#receive(text);
    });
    this.#client = client;
    client.subscribes(this.channel);
  }

  isCut(): void {
    const client = this.#client;
    this.#client = this.#node = undefined;
    client?.isLost();
    this.#keeper.cut();
  }

  /** Leaves for good. */
  leaves(): void {
    this.isCut();
    this.#keeper.end();
  }

  #receive(text: string): void {
    const { event, channel, data } = JSON.parse(text) as { event: string; channel?: string; data?: string };
    if (channel !== this.channel) return;
    if (event === 'pusher_internal:subscription_succeeded') this.#keeper.subscribed();
    else if (event === 'pusher_internal:live') {
      const { position, follows } = JSON.parse(data ?? '{}') as { position: string; follows?: string };
      const at = readPosition(position);
      if (at !== undefined) this.#keeper.live(at, readPosition(follows));
    } else if (!event.startsWith('pusher')) this.#keeper.event({ event, channel, data });
  }

  /** As the endpoint answers: any node may be asked, also one that cannot reach Redis. */
  async #ask(from: Position | undefined): Promise<HistoryAnswer> {
    const { history } = this.anyNode().engine;
    try {
      if (from === undefined)
        return { events: [], position: await history.head(this.channel), complete: true };
      const missed = await history.since(this.channel, from, PAGE);
      if (missed.gap !== undefined) return { gap: missed.gap, position: missed.position };
      const events = missed.events.map(({ event, position }) => ({
        position,
        message: { event, channel: this.channel, caughtUp: true as const },
      }));
      return { events, position: missed.position, complete: missed.isComplete };
    } catch (cause) {
      throw new ConnectError('BACKEND_FAILED', 'The history cannot be reached', { retryable: true, cause });
    }
  }
}

/** A connection to an engine that passes every frame on at once. */
class PageClient implements Connection {
  readonly #session: Session;

  constructor(
    private readonly node: EngineNode,
    readonly id: string,
    private readonly hear: (text: string) => void,
  ) {
    this.#session = node.engine.open(this);
  }

  send(frame: Frame): void {
    this.hear(frame.text);
  }

  close(): void {
    // The story ends connections itself.
  }

  subscribes(channel: string): void {
    const data = { channel, ...channelAuth(APP, this.id, channel) };
    this.node.engine.receive(this.#session, JSON.stringify({ event: 'pusher:subscribe', data }));
  }

  isLost(): void {
    this.node.engine.connectionLost(this.#session);
  }
}
