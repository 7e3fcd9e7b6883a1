import { inSlices, STEPS_AT_ONCE, type Work } from '../ports/slices.js';
import { isUserChannel } from '../protocol/channel-name.js';

/** So many names are read at once. */
const READ_AT_ONCE = 1_000;

/**
 * Delivers an event to many channels. It says that it is done with a channel as soon as it is: until then, later events to the
 * channel wait.
 */
export type Delivery = (channels: readonly string[], done: (channel: string) => void) => Work;

/**
 * The order of the events on users' own channels. An event to many users is delivered in slices. Meanwhile later events to those
 * users wait behind it, and events to everybody else do not.
 */
export class FanOut {
  /** How many events are still to be delivered to each channel. */
  readonly #waiting = new Map<string, number>();
  /** How many events are on their way whose channels are not known yet. */
  #unread = 0;
  /** Everything that waits, in the order of the calls. */
  readonly #works = new Set<Work>();
  #running: Promise<void> | undefined;

  /** Resolves when nothing waits any more; `undefined` while nothing does. */
  idle(): Promise<void> | undefined {
    return this.#running;
  }

  /** Calls at once, or after the earlier events to this channel. The promise of a call that waits settles as the call's own. */
  toOne(channel: string, deliver: () => Promise<void> | undefined): Promise<void> | undefined {
    if (!this.#mustWait(channel)) return deliver();
    this.#expect(channel);
    const done = this.#done;
    return new Promise((resolve, reject) => {
      void this.#inTurn(
        (function* () {
          done(channel);
          // It begins in its turn. Nobody waits for its end but its caller.
          Promise.resolve(deliver()).then(resolve, reject);
          yield;
        })(),
      );
    });
  }

  /**
   * Delivers to many channels: within the call where they are few and nothing is before them, otherwise in slices.
   *
   * @param channelOf the channel of each; `undefined` for one who gets nothing
   * @returns a promise that resolves when all of it is delivered; `undefined` when it is
   */
  toMany(
    names: readonly string[],
    channelOf: (name: string) => string | undefined,
    deliver: Delivery,
  ): Promise<void> | undefined {
    if (names.length > READ_AT_ONCE) return this.#toUnread(names, channelOf, deliver);
    const channels = names.map(channelOf).filter((channel) => channel !== undefined);
    if (channels.length > STEPS_AT_ONCE || channels.some((channel) => this.#mustWait(channel))) {
      for (const channel of channels) this.#expect(channel);
      return this.#inTurn(deliver(channels, this.#done));
    }
    const work = deliver(channels, () => undefined);
    while (work.next().done !== true);
    return undefined;
  }

  /** Reads the names in slices too. Until then any of them may be anybody's, so everything to users waits. */
  #toUnread(
    names: readonly string[],
    channelOf: (name: string) => string | undefined,
    deliver: Delivery,
  ): Promise<void> {
    const channels: string[] = [];
    const expect = this.#expect.bind(this);
    const done = this.#done;
    const read = function* (): Work {
      for (const name of names) {
        const channel = channelOf(name);
        if (channel !== undefined) {
          channels.push(channel);
          expect(channel);
        }
        yield;
      }
    };
    this.#unread++;
    const reading = inSlices(read()).then(() => {
      this.#unread--;
    });
    const work = function* (): Work {
      yield reading;
      yield* deliver(channels, done);
    };
    return this.#inTurn(work());
  }

  #mustWait(channel: string): boolean {
    return this.#waiting.has(channel) || (this.#unread > 0 && isUserChannel(channel));
  }

  #expect(channel: string): void {
    this.#waiting.set(channel, (this.#waiting.get(channel) ?? 0) + 1);
  }

  readonly #done = (channel: string): void => {
    const left = (this.#waiting.get(channel) ?? 0) - 1;
    if (left > 0) this.#waiting.set(channel, left);
    else this.#waiting.delete(channel);
  };

  /** Does a work after all those before it. */
  #inTurn(work: Work): Promise<void> {
    return new Promise((resolve, reject) => {
      const told = function* (): Work {
        try {
          yield* work;
          resolve();
        } catch (error) {
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the error is passed on unchanged
          reject(error);
        }
      };
      this.#works.add(told());
      this.#running ??= inSlices(this.#run());
    });
  }

  *#run(): Work {
    for (const work of this.#works) {
      this.#works.delete(work);
      yield* work;
    }
    this.#running = undefined;
  }
}
