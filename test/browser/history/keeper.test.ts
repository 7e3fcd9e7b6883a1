import { jest } from '@jest/globals';
import fc from 'fast-check';
import { ConnectError } from '../../../src/browser/connect-error.js';
import type { HistoryAnswer } from '../../../src/browser/history/answer.js';
import { Keeper } from '../../../src/browser/history/keeper.js';
import { moved, type Position } from '../../../src/browser/history/position.js';

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
});
afterEach(() => {
  jest.useRealTimers();
});

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** An event of the model; one that is left out for the page has no id. */
interface Logged {
  readonly id: number | undefined;
  readonly position: Position;
}

/** A backend, its log of one channel, and the way to one page. */
class Model {
  readonly heard: (number | string)[] = [];
  /** The latest id when the page came in; it should hear the later ones. */
  cameInAfter: number | undefined;
  readonly #published: number[] = [];
  keeper: Keeper;
  isOpen = false;
  isConnected = false;
  #log: Logged[] = [];
  /** The epochs that the present log goes on from. */
  #former = new Set<string>();
  #live: Position = { epoch: 'e0', offset: 0 };
  #epochs = 0;
  #saved: Position | undefined;
  #settledEpoch = 'e0';
  #ids = 0;
  /** Frames on their way, in the order in which they arrive. */
  #frames: (() => void)[] = [];
  readonly #asked: {
    answer: () => HistoryAnswer;
    resolve: (answer: HistoryAnswer) => void;
    reject: (error: Error) => void;
  }[] = [];

  constructor(private readonly hasEnvelopes: boolean) {
    this.keeper = this.#newKeeper();
  }

  /** The page is loaded anew. Its handlers, and the position that it has kept, are there a while later. */
  load(): void {
    this.cut();
    this.keeper = this.#newKeeper();
    this.isOpen = false;
    if (this.#saved !== undefined) return;
    this.cameInAfter = undefined;
    this.heard.splice(0);
  }

  open(): void {
    if (!this.isOpen) this.keeper.open(this.#saved);
    this.isOpen = true;
  }

  /** The ids that the page should hear. */
  get published(): number[] {
    return this.#published.filter((id) => id > (this.cameInAfter ?? Infinity));
  }

  connect(): void {
    if (this.isConnected) return;
    this.isConnected = true;
    if (this.hasEnvelopes)
      this.#frames.push(() => {
        this.keeper.liveSomewhere();
      });
    else this.#sendLive();
  }

  cut(): void {
    this.isConnected = false;
    this.#frames = [];
    this.keeper.cut();
  }

  /** @param how `lost` on the way to the node, or `leftOut` for this page */
  publish(how: 'sent' | 'lost' | 'leftOut'): void {
    const follows = this.#live;
    const position = (this.#live = moved(follows, 1));
    const id = how === 'leftOut' ? undefined : ++this.#ids;
    this.#log.push({ id, position });
    if (id !== undefined) this.#published.push(id);
    if (!this.isConnected) return;
    const message = { event: 'E', channel: 'c', data: id };
    if (how === 'sent')
      this.#frames.push(() => {
        if (this.hasEnvelopes) this.cameInAfter ??= (id ?? 0) - 1;
        this.keeper.event(message, this.hasEnvelopes ? position : undefined);
      });
    else if (this.hasEnvelopes) return;
    else if (how === 'lost') this.#sendLive();
    else
      this.#frames.push(() => {
        this.keeper.live(position, follows);
      });
  }

  /** The next two frames overtake each other, as they may at a provider with envelopes. */
  swap(): void {
    if (this.hasEnvelopes) this.#frames.splice(0, 2, ...this.#frames.slice(0, 2).reverse());
  }

  deliver(): void {
    this.#frames.shift()?.();
  }

  restart(): void {
    if (!this.#isAtRest) return;
    this.#log = [];
    this.#former.clear();
    this.#live = { epoch: `e${String(++this.#epochs)}`, offset: 0 };
    if (this.isConnected && !this.hasEnvelopes) this.#sendLive();
  }

  /** The log goes on under a new name, with the events that it has. It is not renamed twice before everybody has heard of it. */
  rename(): void {
    if (!this.#isAtRest) return;
    const follows = this.#live;
    this.#former.add(follows.epoch);
    const epoch = `e${String(++this.#epochs)}`;
    this.#live = { ...follows, epoch };
    this.#log = this.#log.map(({ id, position }) => ({ id, position: { ...position, epoch } }));
    const position = this.#live;
    if (this.isConnected && !this.hasEnvelopes)
      this.#frames.push(() => {
        this.keeper.live(position, follows);
      });
  }

  trim(): void {
    this.#log = this.#log.slice(-1);
  }

  /** Answers the oldest question. @param how with the log as it is then, or as it was a while before the answer arrived */
  async answer(how: 'now' | 'late' | 403 | 503): Promise<void> {
    const asked = this.#asked.shift();
    if (asked === undefined) return;
    if (typeof how === 'number') {
      asked.reject(new ConnectError('BACKEND_FAILED', '', { status: how, retryable: how === 503 }));
      await settle();
      return;
    }
    const answer = asked.answer();
    if (how === 'late') {
      this.publish('sent');
      this.deliver();
    }
    asked.resolve(answer);
    await settle();
  }

  /** Everything that is on its way arrives. */
  async rest(): Promise<void> {
    // Nothing else tells of an event that such a provider has lost, but a newer one.
    if (this.hasEnvelopes) this.publish('sent');
    this.connect();
    this.open();
    for (let turn = 0; this.#frames.length > 0 || this.#asked.length > 0 || turn < 3; turn++) {
      if (turn > 2_000) throw new Error('It never comes to rest');
      this.deliver();
      await this.answer('now');
      if (this.#frames.length === 0) jest.advanceTimersByTime(20_000);
      await settle();
    }
  }

  /** Whether the name of the log has not changed since the last frame and the last answer. */
  get #isAtRest(): boolean {
    const isAtRest = this.#frames.length === 0 && this.#asked.length === 0;
    if (isAtRest) this.#settledEpoch = this.#live.epoch;
    return isAtRest || this.#settledEpoch === this.#live.epoch;
  }

  #newKeeper(): Keeper {
    return new Keeper({
      isCached: false,
      timeoutMs: 30_000,
      ask: (from, signal) =>
        new Promise((resolve, reject) => {
          const pending = { answer: () => this.#answer(from), resolve, reject };
          this.#asked.push(pending);
          signal.addEventListener('abort', () => {
            reject(new Error('aborted'));
            this.#asked.splice(this.#asked.indexOf(pending) >>> 0, 1);
          });
        }),
      hand: ({ data }) => this.heard.push(data as number),
      tellGap: (reason) => this.heard.push(reason),
      save: (position) => (this.#saved = position),
    });
  }

  #sendLive(): void {
    const position = this.#live;
    const latest = this.#ids;
    this.#frames.push(() => {
      this.cameInAfter ??= latest;
      this.keeper.live(position);
    });
  }

  /** As the endpoint of the backend answers, three events at a time. */
  #answer(from: Position | undefined): HistoryAnswer {
    const position = this.#live;
    if (from === undefined) {
      this.cameInAfter ??= this.#ids;
      return { events: [], position, complete: true };
    }
    const isKnown = from.epoch === position.epoch || this.#former.has(from.epoch);
    if (!isKnown || from.offset > position.offset) return { gap: 'restarted', position };
    const missed = this.#log.filter(({ position: { offset } }) => offset > from.offset);
    if (missed.length < position.offset - from.offset) return { gap: 'trimmed', position };
    const part = missed.slice(0, 3);
    return {
      events: part.flatMap(({ id, position: at }) =>
        id === undefined ? [] : [{ position: at, message: { event: 'E', channel: 'c', data: id } }],
      ),
      position: part[part.length - 1]?.position ?? position,
      complete: missed.length <= 3,
    };
  }
}

const steps = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('sent', 'sent', 'sent', 'lost', 'leftOut') },
  { weight: 6, arbitrary: fc.constantFrom('deliver', 'deliver', 'swap', 'wait') },
  { weight: 3, arbitrary: fc.constantFrom('now', 'now', 'late', 403, 503) },
  { weight: 3, arbitrary: fc.constantFrom('connect', 'connect', 'cut', 'open', 'load') },
  { weight: 1, arbitrary: fc.constantFrom('restart', 'trim', 'rename') },
);

async function run(
  model: Model,
  step: fc.Arbitrary<string | number> extends fc.Arbitrary<infer T> ? T : never,
) {
  if (step === 'sent' || step === 'lost' || step === 'leftOut') model.publish(step);
  else if (step === 'now' || step === 'late' || step === 403 || step === 503) await model.answer(step);
  else if (step === 'connect') model.connect();
  else if (step === 'cut') model.cut();
  else if (step === 'open') model.open();
  else if (step === 'load') model.load();
  else if (step === 'restart') model.restart();
  else if (step === 'trim') model.trim();
  else if (step === 'rename') model.rename();
  else if (step === 'swap') model.swap();
  else if (step === 'wait') jest.advanceTimersByTime(2_000);
  else model.deliver();
  await settle();
}

/** The events that the page has missed without being told. */
function missedSilently({ heard, published, cameInAfter = 0 }: Model): number[] {
  const missed: number[] = [];
  let next = 0;
  let isTold = false;
  for (const item of [...heard, Infinity]) {
    if (typeof item === 'string') {
      isTold = true;
      continue;
    }
    if (item <= cameInAfter) continue;
    const from = next;
    while ((published[next] ?? Infinity) < item) next++;
    if (!isTold) missed.push(...published.slice(from, next));
    if (published[next] === item) next++;
    isTold = false;
  }
  return missed;
}

describe.each([
  { mode: 'a gateway that counts', hasEnvelopes: false },
  { mode: 'a provider with envelopes', hasEnvelopes: true },
])('over $mode', ({ hasEnvelopes }) => {
  test('a page hears every event once and in order, or is told of those that it does not hear', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 60, size: 'max' }), async (all) => {
        const model = new Model(hasEnvelopes);
        for (const step of all) await run(model, step);
        await model.rest();
        const ids = model.heard
          .filter((item) => typeof item === 'number')
          .filter((id) => id > (model.cameInAfter ?? 0));
        expect(ids).toEqual([...ids].sort((a, b) => a - b));
        expect(new Set(ids).size).toBe(ids.length);
        expect(missedSilently(model)).toEqual([]);
        model.keeper.end();
      }),
      { numRuns: 2_000 },
    );
  }, 60_000);
});

/** A keeper whose questions a test answers by hand. */
function keeperAlone(hand: (data: unknown) => void = () => undefined) {
  const heard: unknown[] = [];
  const asked: { from: Position | undefined; answer(answer: HistoryAnswer | Error): Promise<void> }[] = [];
  const keeper = new Keeper({
    isCached: false,
    timeoutMs: 30_000,
    ask: (from) =>
      new Promise((resolve, reject) => {
        const answer = async (given: HistoryAnswer | Error) => {
          if (given instanceof Error) reject(given);
          else resolve(given);
          await settle();
        };
        asked.push({ from, answer });
      }),
    hand: ({ data }) => {
      heard.push(data);
      hand(data);
    },
    tellGap: (reason) => heard.push(reason),
    save: () => undefined,
  });
  keeper.open(undefined);
  return { keeper, heard, asked };
}

const at = (epoch: string, offset: number): Position => ({ epoch, offset });
const message = (data: number) => ({ event: 'E', channel: 'c', data });

test('a handler that throws keeps no other event away', () => {
  const { keeper, heard } = keeperAlone((data) => {
    if (data === 1) throw new Error('of the page');
  });
  keeper.live(at('e', 0));
  for (const data of [1, 2]) keeper.event(message(data));
  expect(heard).toEqual([1, 2]);
  expect(() => {
    jest.runAllTimers();
  }).toThrow('of the page');
});

test('an event of a former log that comes late is left out, and newer ones go on', async () => {
  const { keeper, heard, asked } = keeperAlone();
  keeper.liveSomewhere();
  await asked[0]?.answer({ events: [], position: at('new', 0), complete: true });
  keeper.event(message(1), at('old', 8));
  keeper.event(message(2), at('new', 1));
  expect(asked[1]?.from).toEqual(at('new', 0));
  await asked[1]?.answer({ events: [], position: at('new', 0), complete: true });
  expect(heard).toEqual([2]);
  expect(asked).toHaveLength(2);
});

test('a hole that cannot be filled is told once, whatever is known around it', async () => {
  const { keeper, heard, asked } = keeperAlone();
  keeper.live(at('e', 0));
  keeper.live(at('e', 1));
  keeper.event(message(2));
  keeper.live(at('e', 4));
  keeper.event(message(5));
  const events = [1, 2, 3].map((n) => ({ position: at('e', n), message: message(n) }));
  await asked[0]?.answer({ events, position: at('e', 3), complete: false });
  await asked[1]?.answer(new ConnectError('SUBSCRIPTION_REFUSED', '', { status: 403 }));
  expect(heard).toEqual([1, 2, 3, 'refused', 5]);
  expect(asked).toHaveLength(2);
});

test('a page hears no more of what it caught up with once it has left the channel', async () => {
  const { keeper, heard, asked } = keeperAlone((data) => {
    if (data === 1) keeper.end();
  });
  keeper.live(at('e', 0));
  keeper.live(at('e', 2));
  const events = [1, 2].map((n) => ({ position: at('e', n), message: message(n) }));
  await asked[0]?.answer({ events, position: at('e', 2), complete: true });
  expect(heard).toEqual([1]);
});
