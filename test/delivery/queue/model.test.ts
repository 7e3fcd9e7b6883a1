import { setTimeout as delay } from 'node:timers/promises';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import { HttpApi, type Received } from '../../adapters/pusher/support.js';
import { eventually } from '../../support/cluster/waiting.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { QueueProcess } from './processes.js';
import { note, type QueueApp, startQueueApp } from './support.js';

jest.setTimeout(180_000);

const MEMBERS = ['ada', 'b;=,@', 'alan@example.com', 'd'];
const OUTCOMES = ['taken', 'taken', 'taken', 'taken', 'taken', 500, 429, 400, 'nothing', 'reset'] as const;
const FAULTS = ['kill', 'term', 'pause', 'cut', 'calm'] as const;

type Outcome = (typeof OUTCOMES)[number];
type Fault = (typeof FAULTS)[number];

/** The relays that the provider took, member by member, in its order. */
class Provider {
  readonly taken = new Map<string, number[]>();
  isWell = false;
  #requests = 0;

  constructor(private readonly outcomes: readonly Outcome[]) {}

  readonly answer = ({ events, connection }: Received) => {
    const outcome = this.isWell ? 'taken' : this.outcomes[this.#requests++ % this.outcomes.length];
    if (typeof outcome === 'number') return { status: outcome };
    for (const { channel, data } of events) {
      const member = String(channel).slice('#server-to-user-'.length);
      const numbers = this.taken.get(member) ?? [];
      this.taken.set(member, numbers);
      numbers.push(Number((JSON.parse(String(data)) as { text: string }).text));
    }
    if (outcome === 'nothing') return 'nothing';
    if (outcome === 'reset') connection.destroy();
    return undefined;
  };
}

/** Does all that can happen to the processes and to Redis, one after the other. */
async function trouble(faults: readonly Fault[], redis: RedisServer, api: HttpApi): Promise<void> {
  for (const fault of faults) {
    const worker = QueueProcess.start(redis, api, { concurrency: 3 });
    await worker.handedIn;
    await delay(300);
    if (fault === 'kill') await worker.kill();
    if (fault === 'term') worker.signal('SIGTERM');
    if (fault === 'cut') await redis.client().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    if (fault === 'pause') {
      redis.pause();
      await delay(700);
      redis.resume();
    }
  }
}

/** Every number is there or a dead letter; and whatever comes again, comes in its order from there on. */
function expectInOrder(queued: readonly number[], taken: readonly number[], dead: ReadonlySet<number>): void {
  const known = taken.filter((number) => queued.includes(number));
  const missing = queued.filter((number) => !known.includes(number) && !dead.has(number));
  expect(missing).toEqual([]);
  const firsts = [...new Set(known)];
  expect(firsts).toEqual(firsts.toSorted((a, b) => a - b));
  known.forEach((number, index) => {
    const before = known[index - 1];
    if (before === undefined || number <= before) return;
    const skipped = queued.filter((one) => one > before && one < number && !dead.has(one));
    expect(skipped).toEqual([]);
  });
}

describe('whatever happens to workers, to Redis and to the provider', () => {
  test('each relay that was accepted arrives or is a dead letter, in its order, and nothing is left behind', async () => {
    const outcomes = fc.array(fc.constantFrom(...OUTCOMES), { minLength: 20, maxLength: 40 });
    const faults = fc.shuffledSubarray([...FAULTS], { minLength: 5 });
    const survives = async (answers: Outcome[], faulty: Fault[]) => {
      const provider = new Provider(answers);
      const [redis, api] = [await startRedis(), await HttpApi.start(provider.answer)];
      const lost = new Map<string, Set<number>>();
      const apps: QueueApp[] = [];
      for (const queueConcurrency of [0, 0, 4]) {
        const delivery = { queueConcurrency, breakerFailures: 3 };
        apps.push(await startQueueApp(redis, api, { delivery, timeoutMs: 1_500 }));
      }
      const queued = new Map<string, number[]>(MEMBERS.map((member) => [member, []]));
      let isOver = false;
      const calls: Promise<void>[] = [];
      const handIn = async () => {
        for (let number = 0; !isOver; number++) {
          MEMBERS.forEach((member, index) => {
            const app = apps[index % 2];
            if (app === undefined) return;
            // Every tenth one is delayed, and in a lane of its own.
            const isLater = number % 10 === 0;
            const to = isLater ? `later-${member}` : member;
            const call = note(app.service, to, number, isLater ? { delayMs: 400 } : undefined).then(
              ({ status }) => {
                if (status === 'queued') queued.set(to, [...(queued.get(to) ?? []), number]);
              },
            );
            calls.push(call);
          });
          await delay(30);
        }
      };
      const dying = QueueProcess.start(redis, api, { concurrency: 0, relays: 100_000, member: 'dying' });
      const handingIn = handIn();
      const dies = delay(2_500).then(() => dying.kill());
      await trouble(faulty, redis, api);
      isOver = true;
      await Promise.all([handingIn, dies]);
      await Promise.all(calls);
      queued.set('dying', dying.queued);
      provider.isWell = true;
      const [first] = apps;
      const dead = async () => {
        const entries = await redis.client().lrange('{test:queue}:dead-letters:wait', 0, -1);
        for (const key of entries) {
          const letter = await redis.client().hget(`{test:queue}:dead-letters:${key}`, 'data');
          const { line: lane, text } = JSON.parse(String(letter)) as { line: string; text: string };
          const { json } = JSON.parse(text.slice(text.indexOf(' '))) as { json: string };
          const member = lane.slice('member '.length);
          const numbers = lost.get(member) ?? new Set();
          lost.set(member, numbers.add(Number((JSON.parse(json) as { text: string }).text)));
        }
        return entries.length;
      };
      await eventually(60_000, async () => {
        expect((await first?.service.health())?.delivery).toMatchObject({
          waiting: 0,
          bytes: 0,
          queue: { later: 0, oldestMs: 0 },
        });
      });
      const count = await dead();
      expect((await first?.service.health())?.delivery?.queue?.dead).toBe(count);
      for (const [member, numbers] of queued) {
        const sorted = numbers.toSorted((a, b) => a - b);
        expectInOrder(sorted, provider.taken.get(member) ?? [], lost.get(member) ?? new Set());
      }
      expect(queued.get('ada')?.length).toBeGreaterThan(10);
      await eventually(30_000, async () => {
        const keys = await redis.client().keys('{test:queue}:*');
        const left = keys.filter((key) =>
          /:(line|de|dn|wait|active|delayed|failed|lines|later)(:|$)/.test(key),
        );
        expect(left.filter((key) => !key.includes(':dead-letters:'))).toEqual([]);
      });
      for (const { close } of apps) await close();
    };
    await fc.assert(fc.asyncProperty(outcomes, faults, survives), { numRuns: 1, endOnFailure: true });
  });
});
