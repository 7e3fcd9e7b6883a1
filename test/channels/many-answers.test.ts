import { setImmediate as turn } from 'node:timers/promises';
import type { Cluster, JoinRefusal } from '../../src/ports/cluster.js';
import { type EngineClient, EngineSession, succeeded } from '../support/engine-session.js';

// Redis answers thousands of subscriptions in one piece when it stood still, or when everybody comes back.

const MANY = 3_000;
const NEWS = { event: 'NEWS', channel: 'news', data: 1 };

/** A cluster that holds its answers back until the test gives them. */
class SlowAnswers {
  readonly session: EngineSession;
  readonly #answers: (() => void)[] = [];

  constructor(refusal?: JoinRefusal) {
    this.session = new EngineSession({ limits: { presenceMembers: 0 } }, false, (cluster): Cluster => {
      const join = cluster.join.bind(cluster);
      cluster.join = (channel, subscriptions, user, done) => {
        this.#answers.push(() => {
          done(refusal);
        });
        join(channel, subscriptions, user, () => undefined);
      };
      return cluster;
    });
  }

  join(count: number, channel = 'news', data?: (index: number) => unknown): EngineClient[] {
    return Array.from({ length: count }, (_, index) => {
      const client = this.session.connects();
      client.subscribes(channel, data?.(index));
      return client;
    });
  }

  /** Gives all answers in this turn. */
  answer(): void {
    for (const answer of this.#answers.splice(0)) answer();
  }

  publish(channel = 'news', data = '1'): void {
    void this.session.engine.publish(channel, 'NEWS', data);
  }
}

/** What clients hear by the time the last of them has heard something, with the number of them that did in each turn. */
async function hearing(clients: readonly EngineClient[]) {
  const heard = clients.map(() => [] as unknown[]);
  const turns: number[] = [];
  const listen = () => {
    let count = 0;
    for (const [index, client] of clients.entries()) {
      const frames = client.hears();
      if (frames.length > 0) count++;
      heard[index]?.push(...frames);
    }
    turns.push(count);
  };
  listen();
  while (heard.at(-1)?.length === 0) {
    await turn();
    listen();
  }
  return { heard, turns };
}

describe('Thousands of subscriptions that are answered at once', () => {
  test('are told in slices, each once, and those that came first are told first', async () => {
    const slow = new SlowAnswers();
    const clients = slow.join(MANY);
    slow.answer();
    const { heard, turns } = await hearing(clients);
    expect(turns[0]).toBeLessThan(100);
    expect(turns.length).toBeGreaterThan(2);
    expect(heard).toEqual(clients.map(() => [succeeded('news')]));
  });

  test('miss no event that comes before they are told, and get it after the answer', async () => {
    const slow = new SlowAnswers();
    const clients = slow.join(MANY);
    slow.answer();
    slow.publish();
    const { heard } = await hearing(clients);
    expect(heard).toEqual(clients.map(() => [succeeded('news'), NEWS]));
    slow.publish();
    expect(clients.map((client) => client.hears())).toEqual(clients.map(() => [NEWS]));
  });

  test('get the last event of a cache channel once, and newer ones after it', async () => {
    const slow = new SlowAnswers();
    slow.publish('cache-news', '0');
    const clients = slow.join(MANY, 'cache-news');
    slow.answer();
    slow.publish('cache-news', '1');
    const event = (data: number) => ({ event: 'NEWS', channel: 'cache-news', data });
    const { heard } = await hearing(clients);
    expect(heard.at(-1)).toEqual([succeeded('cache-news'), event(0), event(1)]);
  });

  test('know every member once, from the roster or from the news', async () => {
    const slow = new SlowAnswers();
    const clients = slow.join(300, 'presence-room', (index) => ({ user_id: `${index}` }));
    slow.answer();
    slow.session.engine.memberAdded('presence-room', { id: 'late', info: undefined });
    const { heard } = await hearing(clients);
    expect(heard.at(-1)).toEqual([
      succeeded('presence-room', expect.objectContaining({ presence: expect.anything() as unknown })),
    ]);
    expect(heard[0]?.at(-1)).toMatchObject({
      event: 'pusher_internal:member_added',
      data: { user_id: 'late' },
    });
  });

  test('delay nothing for whoever was on the channel before', () => {
    const slow = new SlowAnswers();
    const [early] = slow.join(1);
    slow.answer();
    early?.hears();
    slow.join(MANY);
    slow.answer();
    slow.publish();
    expect(early?.hears()).toEqual([NEWS]);
  });

  test('are not told who has gone meanwhile, and whatever a client sent waits for its answer', async () => {
    const slow = new SlowAnswers();
    const clients = slow.join(MANY);
    const [gone, kept] = [clients.at(-2), clients.at(-1)];
    slow.answer();
    gone?.isLost();
    kept?.says('pusher:ping');
    slow.publish();
    const { heard } = await hearing(clients);
    expect(heard.at(-2)).toEqual([]);
    expect(heard.at(-1)).toEqual([succeeded('news'), NEWS, { event: 'pusher:pong', data: {} }]);
  });

  test('are refused in slices too', async () => {
    const slow = new SlowAnswers('full');
    const clients = slow.join(MANY, 'presence-room', (index) => ({ user_id: `${index}` }));
    slow.answer();
    slow.publish('presence-room');
    const { heard } = await hearing(clients);
    expect(heard.map((frames) => frames.length)).toEqual(clients.map(() => 1));
    expect(heard.at(-1)).toMatchObject([{ event: 'pusher:error', data: { code: 4009 } }]);
  });
});
