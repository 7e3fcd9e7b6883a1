import { setImmediate as turn } from 'node:timers/promises';
import { SendOrder } from '../../../src/cluster/redis/send-order.js';
import { ClusterUnreachableError } from '../../../src/ports/cluster.js';

const MANY = 5_000;
const BYTES = 1_024 * 1_024;
/** So many are under way at a time. */
const AT_ONCE = 128;

/** Messages that are answered when the test says so. */
class Messages {
  failed = 0;
  readonly sent: number[] = [];
  readonly order = new SendOrder(() => {
    this.failed++;
  });
  readonly #answers: (() => void)[] = [];

  send(number: number, bytes = 0): Promise<void> {
    const message = () => {
      this.sent.push(number);
      return new Promise<void>((resolve) => {
        this.#answers.push(resolve);
      });
    };
    return this.order.send(message, bytes);
  }

  answer(): void {
    for (const resolve of this.#answers.splice(0)) resolve();
  }

  /** Answers everything until nothing waits. @returns the most that was sent without an answer */
  async answerAll(): Promise<number> {
    let most = 0;
    while (this.order.sent() !== undefined || this.#answers.length > 0) {
      most = Math.max(most, this.#answers.length);
      this.answer();
      await turn();
    }
    return most;
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, number) => number);

test('a message is sent within the call while few are under way', () => {
  const messages = new Messages();
  void messages.send(0);
  void messages.send(1);
  expect(messages.sent).toEqual([0, 1]);
  expect([messages.order.sent(), messages.order.room()]).toEqual([undefined, undefined]);
});

test('of many, only some are under way at a time; all are sent once, in the order of the calls', async () => {
  const messages = new Messages();
  const all = numbers(MANY).map((number) => messages.send(number));
  expect(messages.sent.length).toBeLessThan(MANY / 10);
  const most = await messages.answerAll();
  await Promise.all(all);
  expect(most).toBeLessThanOrEqual(256);
  expect(messages.sent).toEqual(numbers(MANY));
});

test('a later message does not overtake those that wait, also while they are being sent', async () => {
  const messages = new Messages();
  let next = 0;
  const some = () => {
    for (let sent = 0; sent < 300; sent++) void messages.send(next++);
  };
  some();
  for (let round = 0; round < 20; round++) {
    messages.answer();
    await turn();
    some();
  }
  await messages.answerAll();
  expect(messages.sent).toEqual(numbers(next));
});

test('one that fails is counted, rejects its call, and lets the others go on', async () => {
  const messages = new Messages();
  const all = numbers(MANY).map((number) => messages.send(number));
  const bad = messages.order.send(() => Promise.reject(new Error('lost')), 0);
  const last = messages.send(MANY);
  const rejected = expect(bad).rejects.toThrow('lost');
  await messages.answerAll();
  await Promise.all([rejected, ...all, last]);
  expect(messages.failed).toBe(1);
  expect(messages.sent.at(-1)).toBe(MANY);
});

test('with 16 MB that wait there is no room, and with 64 MB messages are refused', async () => {
  const messages = new Messages();
  const all = numbers(AT_ONCE + 63).map((number) => messages.send(number, BYTES));
  expect(messages.order.room()).toBeInstanceOf(Promise);
  all.push(messages.send(AT_ONCE + 63, BYTES));
  await expect(messages.send(AT_ONCE + 64, BYTES)).rejects.toThrow(ClusterUnreachableError);
  expect(messages.failed).toBe(1);
  await messages.answerAll();
  await Promise.all(all);
  expect(messages.order.room()).toBeUndefined();
  expect(messages.sent).toEqual(numbers(AT_ONCE + 64));
});
