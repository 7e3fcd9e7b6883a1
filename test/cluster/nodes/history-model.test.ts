import { jest } from '@jest/globals';
import fc from 'fast-check';
import { ChaosProxy } from '../../support/chaos-proxy.js';
import { EngineNode } from '../../support/cluster/engines.js';
import { ModelBrowser } from '../../support/cluster/model-browser.js';
import { Truth } from '../../support/cluster/model-truth.js';
import { eventually } from '../../support/cluster/waiting.js';
import { type RedisServer, startRedis } from '../../support/redis.js';

const ROOM = 'private-room';
const BROWSERS = 6;
/** So many events are accepted in all stories together. */
const EVENTS = Number(process.env['SWITCHBOARD_HISTORY_EVENTS'] ?? 100_000);
/** The first story. The next ones have the numbers after it. */
const FIRST = Number(process.env['SWITCHBOARD_HISTORY_STORY'] ?? 1);
/** A Redis that has on disk what it has acknowledged, and whose replica follows at once. */
const DURABLE = {
  args: ['--appendonly', 'yes', '--appendfsync', 'always', '--repl-diskless-sync-delay', '0'],
};
const STEPS = 14;
/** So many events a node makes before each of them, and as many meanwhile. */
const BURST = 700;
const SETTLED_MS = 60_000;

jest.setTimeout(120_000 + EVENTS * 10);

/** One thing that happens, with numbers that choose whom it happens to. */
const steps = fc.record({
  what: fc.constantFrom(
    ...(['cut', 'cut', 'move', 'nodeCut', 'nodeDeaf', 'nodeForgotten', 'nodeKilled'] as const),
    ...(['redisRestart', 'redisPause', 'redisFailover', 'flush', 'trim'] as const),
  ),
  who: fc.nat({ max: 1_000 }),
});
type Step = typeof steps extends fc.Arbitrary<infer S> ? S : never;

/** A node with a way to Redis that can be spoilt. */
interface Place {
  node: EngineNode;
  proxy: ChaosProxy;
}

class Story {
  readonly truth = new Truth();
  readonly browsers: ModelBrowser[];
  readonly #counts = new Map<string, number>();
  #names = 0;

  private constructor(
    private redis: RedisServer,
    private replica: RedisServer | undefined,
    private readonly places: Place[],
    private readonly channelEvents: number,
  ) {
    this.browsers = Array.from(
      { length: BROWSERS },
      () => new ModelBrowser(ROOM, () => this.#place(Math.floor(Math.random() * 1_000)).node),
    );
    this.browsers.forEach((browser, index) => {
      browser.comesTo(this.#place(index).node);
    });
  }

  static async begin({ size, channelEvents, happenings }: Script): Promise<Story> {
    const redis = await startRedis(DURABLE);
    const hasReplica = happenings.some(({ what }) => what === 'redisFailover');
    const replica = hasReplica ? await startRedis(DURABLE) : undefined;
    await replica?.client().replicaof('127.0.0.1', redis.port);
    const places: Place[] = [];
    for (let index = 0; index < size; index++)
      places.push(await Story.#open(redis.port, index + 1, channelEvents));
    const story = new Story(redis, replica, places, channelEvents);
    await story.isWell();
    return story;
  }

  /** Opens a node, which may have to wait for Redis. */
  static async #open(port: number, name: number, channelEvents: number): Promise<Place> {
    const proxy = await ChaosProxy.before(port);
    const history = { channels: [ROOM], channelEvents };
    return { proxy, node: await EngineNode.begin(`redis://127.0.0.1:${proxy.port}`, name, { history }) };
  }

  /** Every node makes some events, all at once. @returns once every one of them is accepted or refused */
  async publish(each: number): Promise<void> {
    const calls = this.places.flatMap(({ node }, publisher) =>
      Array.from({ length: each }, () => this.#publish(node, `p${publisher}`)),
    );
    await Promise.all(calls);
  }

  async play({ what, who }: Step): Promise<void> {
    const place = this.#place(who);
    const browser = this.browsers[who % BROWSERS];
    switch (what) {
      case 'cut':
        browser?.isCut();
        return;
      case 'move':
        browser?.comesTo(place.node);
        return;
      case 'nodeCut':
        place.proxy.refuse();
        place.proxy.cut();
        return;
      case 'nodeDeaf':
        place.proxy.swallow();
        return;
      case 'nodeForgotten':
        place.proxy.forget();
        return;
      case 'nodeKilled':
        await this.#kill(place);
        return;
      case 'redisRestart':
        this.redis.resume();
        await this.redis.restart();
        return;
      case 'redisPause':
        this.redis.pause();
        return;
      case 'redisFailover':
        this.redis.resume();
        await this.#failOver();
        return;
      case 'flush':
        this.redis.resume();
        await this.redis.client().flushall();
        return;
      case 'trim':
        this.redis.resume();
        await this.redis.client().del(`switchboard:{${ROOM}}:log`);
    }
  }

  /** The trouble is over: everybody is connected, and hears one last event. */
  async heal(): Promise<void> {
    this.redis.resume();
    for (const { proxy } of this.places) {
      proxy.refuse(false);
      proxy.release();
    }
    await this.isWell();
    this.browsers.forEach((browser, index) => {
      if (browser.node === undefined) browser.comesTo(this.#place(index).node);
    });
  }

  /** Resolves when an event of every node is accepted. The problem that a node names is that of seconds ago. */
  async isWell(): Promise<void> {
    for (const [index, { node }] of this.places.entries()) {
      await eventually(SETTLED_MS, async () => {
        expect(await this.#publish(node, `well${index}`)).toBe(true);
      });
    }
  }

  async end(): Promise<void> {
    await this.heal();
    // A page that is told of a gap goes on behind the events of that moment, so one more is made until all have heard one.
    await eventually(SETTLED_MS, async () => {
      await this.#publish(this.#place(0).node, 'last');
      for (const { heard } of this.browsers) expect(heard.at(-1)).toMatch(/^last:/);
    });
    for (const browser of this.browsers) browser.leaves();
    await Promise.all(this.places.map(({ node }) => node.engine.close()));
    await Promise.all(this.places.map(({ proxy }) => proxy.close()));
    await Promise.all([this.redis.stop(), this.replica?.stop()]);
  }

  /** @returns whether the event was accepted */
  async #publish(node: EngineNode, publisher: string): Promise<boolean> {
    const number = (this.#counts.get(publisher) ?? 0) + 1;
    this.#counts.set(publisher, number);
    const name = `${publisher}:${number}`;
    const isAccepted = await Promise.resolve(node.engine.publish(ROOM, name, '1')).then(
      () => true,
      () => false,
    );
    this.truth.made(name, isAccepted);
    return isAccepted;
  }

  /** The replica takes over, with everything that Redis has acknowledged, behind the same address. */
  async #failOver(): Promise<void> {
    const { redis, replica } = this;
    if (replica === undefined) throw new Error('There is no replica.');
    const [client, other] = [redis.client(), replica.client()];
    // Refused until the replica follows.
    await eventually(SETTLED_MS, async () => {
      await client.call('FAILOVER', 'TO', '127.0.0.1', replica.port);
    });
    await eventually(SETTLED_MS, async () => {
      expect(await other.info('replication')).toMatch(/^role:master/m);
    });
    [this.redis, this.replica] = [replica, redis];
    for (const { proxy } of this.places) {
      proxy.leadTo(replica.port);
      proxy.cut();
    }
  }

  /** A node dies, without a word, and another one takes its place. */
  async #kill(place: Place): Promise<void> {
    place.proxy.refuse();
    place.proxy.cut();
    for (const browser of this.browsers) if (browser.node === place.node) browser.isCut();
    const dead = place.node;
    const opened = await Story.#open(this.redis.port, 100 + ++this.#names, this.channelEvents);
    place.node = opened.node;
    place.proxy = opened.proxy;
    await dead.engine.close();
  }

  #place(who: number): Place {
    const place = this.places[who % this.places.length];
    if (place === undefined) throw new Error('There are no nodes.');
    return place;
  }
}

/** Two or three nodes, and logs that are shorter or longer than a trouble lasts. */
const stories = fc.record({
  size: fc.constantFrom(2, 3),
  channelEvents: fc.constantFrom(1_000, 50_000),
  happenings: fc.array(steps, { minLength: STEPS, maxLength: STEPS }),
});
type Script = typeof stories extends fc.Arbitrary<infer S> ? S : never;

test('every page is handed the events of all publishers once, in one order and without a hole, or is told of a gap', async () => {
  let accepted = 0;
  let gaps = 0;
  for (let number = FIRST; accepted < EVENTS; number++) {
    const [script] = fc.sample(stories, { seed: number, numRuns: 1 });
    if (script === undefined) throw new Error('There is no story.');
    const { truth, browsers } = await played(script);
    const heard = browsers.map((browser) => browser.heard);
    expect({ SWITCHBOARD_HISTORY_STORY: number, wrongs: truth.wrongs(heard) }).toEqual({
      SWITCHBOARD_HISTORY_STORY: number,
      wrongs: [],
    });
    accepted += truth.accepted;
    const told = heard.flat().filter((event) => event.startsWith('gap ')).length;
    gaps += told;
    show({ story: number, ...script, accepted: truth.accepted, gaps: told });
  }
  show({ accepted, gaps });
});

function show(figures: object): void {
  if (process.env['SWITCHBOARD_SHOW_FIGURES'] !== undefined)
    process.stdout.write(`${JSON.stringify(figures)}\n`);
}

async function played(script: Script): Promise<Story> {
  const story = await Story.begin(script);
  await story.publish(BURST);
  for (const [index, step] of script.happenings.entries()) {
    const publishing = story.publish(BURST);
    await story.play(step);
    await Promise.all([publishing, story.publish(BURST)]);
    // Every other trouble ends before the next one comes.
    if (index % 2 === 1) await story.heal();
  }
  await story.end();
  return story;
}
