import { setTimeout as delay } from 'node:timers/promises';
import { NODE_SETTINGS } from '../app.js';
import { ClusterNode, type NodeSettings } from '../nodes.js';
import { eventually } from '../waiting.js';
import { WebhookLog } from '../webhook-log.js';
import {
  expectNewcomersToBeTold,
  expectNobodyWaits,
  expectNodeToBeHealthy,
  expectNodeToKnow,
  expectVisitorsToKnow,
} from './inspection.js';
import { Ledger } from './ledger.js';
import { type RedisSite, startRedisSite } from './redis-site.js';
import { Station } from './station.js';
import {
  type Chapter,
  FEWEST_NODES,
  memberOf,
  MOST_NODES,
  type RedisKind,
  type Step,
  type Story,
  type Trouble,
  watchlistOf,
} from './story.js';
import { RedisTroubles } from './troubles.js';
import { truthOf } from './truth.js';
import { Visitor } from './visitor.js';

/** Within this time after the last step everything has to be right, whatever has happened. */
export const RIGHT_MS = 30_000;
const PREFIX = 'story';
const GRACE_MS = 300;
const DRAIN_MS = 500;
/** All that may be in Redis when nobody is there: what the nodes know of each other, and answers, which expire by themselves. */
const MAY_STAY = new RegExp(`^${PREFIX}:\\{#\\}:|:reply:|:waiting$`);

/** Troubles that leave nothing of what happened before them unsaid, when all was right as they began. */
const EXACT: ReadonlySet<Trouble['do']> = new Set([
  ...(['promote-behind', 'old-snapshot', 'old-backup', 'flush', 'delete-keys'] as const),
  ...(['kill-node', 'stop-node', 'start-node'] as const),
]);

/** Nodes and their Redis, the browsers that visit them, and what has to be true of all of them. */
export class Stage {
  readonly #visitors = new Map<number, Visitor>();
  /** All that ever were, for what they were told. */
  readonly #everybody: Visitor[] = [];
  readonly #stations: Station[] = [];
  readonly #troubles: RedisTroubles;
  readonly #ledger: Ledger;
  #started = 0;
  /** The time that it took until everything was right, chapter by chapter. */
  readonly rightAfterMs: number[] = [];

  private constructor(
    readonly site: RedisSite,
    webhooks: WebhookLog,
    private readonly settings: NodeSettings,
  ) {
    this.#troubles = new RedisTroubles(site, PREFIX);
    this.#ledger = new Ledger(webhooks);
  }

  static async start(kind: RedisKind, nodes: number, graceMs = GRACE_MS): Promise<Stage> {
    const [site, webhooks] = await Promise.all([startRedisSite(kind), WebhookLog.start()]);
    const stage = new Stage(site, webhooks, {
      ...NODE_SETTINGS,
      ...webhooks.settings,
      SOCKET_CLUSTER: 'redis',
      SOCKET_REDIS_URL: site.url,
      SOCKET_REDIS_PREFIX: PREFIX,
      SOCKET_PRESENCE_GRACE_MS: String(graceMs),
      SOCKET_DRAIN_MS: String(DRAIN_MS),
      SOCKET_MAX_SUBSCRIBES_PER_SECOND: '0',
    });
    await Promise.all(Array.from({ length: nodes }, () => stage.addNode()));
    return stage;
  }

  /** The browsers that are open. */
  get visitors(): readonly Visitor[] {
    return [...this.#visitors.values()];
  }

  get stations(): readonly Station[] {
    return this.#stations;
  }

  /** Plays a story to its end, when all have gone. */
  async play({ chapters }: Story): Promise<void> {
    for (const [index, chapter] of chapters.entries()) {
      const { trouble, isCalm } = chapter;
      try {
        await this.#play(chapter, index === 0);
      } catch (error) {
        const circumstances = `${isCalm ? 'calm, ' : ''}${JSON.stringify(trouble)}`;
        throw new Error(`In chapter ${index}, with ${circumstances}: ${String(error)}`, { cause: error });
      }
    }
    await this.empty();
  }

  /** Everybody leaves, some of them without a word. Nothing of them may be left in Redis. */
  async empty(): Promise<void> {
    for (const [index, visitor] of this.#visitors) {
      if (index % 2 === 0) visitor.quit();
      else visitor.crash();
    }
    this.#visitors.clear();
    await this.isRight(false);
    await eventually(RIGHT_MS, async () => {
      await this.#expectNothingLeft();
      for (const station of this.#stations) await expectNodeToBeHealthy(station);
    });
  }

  /** Ends all processes, so that the next story has the machine to itself. */
  async close(): Promise<void> {
    for (const visitor of this.visitors) visitor.crash();
    await Promise.all(this.#stations.map(({ node }) => node.kill()));
  }

  /**
   * Waits until everybody agrees on what is true.
   *
   * @param isExact whether nothing can have been lost of what the application was told since it was right last
   */
  async isRight(isExact: boolean): Promise<void> {
    const started = performance.now();
    const truth = truthOf(this.visitors);
    this.#expectNoContradictions();
    await eventually(RIGHT_MS, async () => {
      for (const visitor of this.visitors) visitor.watchTheTime();
      expectNobodyWaits(this.visitors);
      expectVisitorsToKnow(this.visitors, truth);
      for (const station of this.#stations) await expectNodeToKnow(station, truth);
      if (isExact) this.#ledger.expectAddsUp(truth);
      await expectNewcomersToBeTold(this.#stations, truth);
    });
    this.#expectNoContradictions();
    this.#ledger.close(truth);
    this.rightAfterMs.push(performance.now() - started);
  }

  async #play({ before, trouble, isCalm, meanwhile, after }: Chapter, isFirst: boolean): Promise<void> {
    await this.do(before);
    if (isFirst) await this.#troubles.backUp();
    if (isCalm) await this.isRight(true);
    const end = await this.begin(trouble);
    await this.do(meanwhile);
    const isExact = isCalm && EXACT.has(trouble.do);
    if (isExact) await this.isRight(true);
    await end();
    await this.do(after);
    await this.isRight(isExact);
  }

  /** Fails while a browser waits for an answer, and when one came late. */
  expectAnswers(): void {
    for (const visitor of this.visitors) visitor.watchTheTime();
    this.#expectNoContradictions();
    expectNobodyWaits(this.visitors);
  }

  /** Does steps one after the other; waits for nothing. */
  async do(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      if (step.do === 'wait') await delay(step.ms);
      else this.#take(step);
    }
  }

  /** Brings trouble about. Call what it resolves with to end it. */
  async begin(trouble: Trouble): Promise<() => Promise<unknown>> {
    switch (trouble.do) {
      case 'pause-node': {
        const station = this.#station(trouble.node);
        station.pause();
        return async () => {
          await delay(trouble.ms);
          station.resume();
        };
      }
      case 'kill-node':
      case 'stop-node':
        return () => this.#removeNode(trouble.node, trouble.do);
      case 'start-node':
        return () => (this.#stations.length < MOST_NODES ? this.addNode() : Promise.resolve());
      default:
        return (await this.#troubles.begin(trouble)).end;
    }
  }

  #take(step: Exclude<Step, { do: 'wait' }>): void {
    const { visitor: index } = step;
    switch (step.do) {
      case 'subscribe':
        this.#visitor(index).subscribe(step.channel);
        return;
      case 'sign-in':
        this.#visitor(index).signIn();
        return;
      case 'unsubscribe':
        this.#visitors.get(index)?.unsubscribe(step.channel);
        return;
      case 'move':
        this.#visitors.get(index)?.reconnect();
        return;
      case 'quit':
      case 'crash':
        this.#visitors.get(index)?.[step.do]();
        this.#visitors.delete(index);
    }
  }

  #visitor(index: number): Visitor {
    const open = this.#visitors.get(index);
    if (open !== undefined) return open;
    let turn = index;
    const route = () => this.#station(turn++);
    const visitor = new Visitor(memberOf(index), watchlistOf(index), route);
    this.#visitors.set(index, visitor);
    this.#everybody.push(visitor);
    return visitor;
  }

  #station(index: number): Station {
    const station = this.#stations[index % this.#stations.length];
    if (station === undefined) throw new Error('There is no node.');
    return station;
  }

  /** Starts one more node. */
  async addNode(): Promise<void> {
    const name = `node ${++this.#started}`;
    this.#stations.push(new Station(name, await ClusterNode.start(this.settings)));
  }

  /** Nobody is led to it any more; then it ends. Another one takes its place, if there are too few without it. */
  async #removeNode(index: number, way: 'kill-node' | 'stop-node'): Promise<void> {
    const [station] = this.#stations.splice(index % this.#stations.length, 1);
    if (way === 'kill-node') await station?.node.kill();
    else await station?.node.terminate();
    if (this.#stations.length < FEWEST_NODES) await this.addNode();
  }

  #expectNoContradictions(): void {
    expect(this.#everybody.flatMap(({ contradictions }) => contradictions)).toEqual([]);
  }

  async #expectNothingLeft(): Promise<void> {
    const keys = await Promise.all(
      (await this.site.primaries()).map(async (server) => {
        const client = server.client();
        const found = await client.keys(`${PREFIX}:*`);
        client.disconnect();
        return found;
      }),
    );
    expect(keys.flat().filter((key) => !MAY_STAY.test(key))).toEqual([]);
  }
}
