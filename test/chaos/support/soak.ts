import { ChaosProxy } from '../../support/chaos-proxy.js';
import { Api } from '../../support/cluster/api.js';
import { APP, NODE_SETTINGS } from '../../support/cluster/app.js';
import { clusterSettings } from '../../support/cluster/cluster.js';
import { ClusterNode } from '../../support/cluster/nodes.js';
import { eventually } from '../../support/cluster/waiting.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { onTeardown } from '../../support/teardown.js';
import type { LedgerFigures } from './ledger.js';
import { SoakClient } from './soak-client.js';
import { Steady } from './steady.js';
import { visit } from './visitor.js';

/** Members who stay for a whole round, and are relayed to all the time. */
const REGULARS = 100;
/** Members who come, hear something and go, in each round. */
const VISITORS = 300;
const AT_ONCE = 20;
/** How often every regular is relayed to by each of the two that relay. */
const EVERY_MS = 200;
/** The most relays that wait to be tried again, and the most without a receipt, before further ones are made. */
const MOST_WAITING = 300;
const SETTLED_MS = 60_000;
const SHORT_MS = 1_000;

/** The figures of one round. */
export interface Round {
  readonly gateway: LedgerFigures;
  readonly provider: LedgerFigures;
  /** The relays that browsers asked for, because they had missed them. */
  readonly caughtUp: number;
}

/**
 * A gateway in a process of its own, a process that relays to it as its provider `pusher`, and bad networks between all of
 * them. Each round has everything in it that can happen, and ends with nobody there.
 */
export class Soak {
  /** How often something was broken, with all the connections on it. */
  outages = 0;
  #visitors = 0;
  #rounds = 0;

  private constructor(
    readonly gateway: ClusterNode,
    readonly publisher: ClusterNode,
    private readonly toBrowsers: ChaosProxy,
    private readonly toRedis: ChaosProxy,
    private readonly toProvider: ChaosProxy,
    private readonly redis: RedisServer,
    private readonly hasHistory: boolean,
  ) {}

  /** @param hasHistory whether the events of members are kept, and browsers catch up */
  static async start(hasHistory: boolean): Promise<Soak> {
    const redis = await startRedis();
    const toRedis = await ChaosProxy.before(redis.port);
    const gateway = await ClusterNode.start({
      ...NODE_SETTINGS,
      ...clusterSettings({ url: `redis://127.0.0.1:${toRedis.port}` }),
      SOCKET_PRESENCE_GRACE_MS: '300',
      SOCKET_ACTIVITY_TIMEOUT_S: '1',
      // A machine may stall, and nobody is to be taken for gone who is not.
      SOCKET_PONG_TIMEOUT_S: '30',
      SOCKET_MAX_PRESENCE_MEMBERS: '0',
      ...(hasHistory && { SOCKET_HISTORY: 'members', SOCKET_HISTORY_EVENTS: '3000' }),
    });
    const [toBrowsers, toProvider] = [
      await ChaosProxy.before(gateway.port),
      await ChaosProxy.before(gateway.port),
    ];
    const publisher = await ClusterNode.start(
      {
        SOCKET_PROVIDER: 'pusher',
        SOCKET_APP_ID: APP.id,
        SOCKET_APP_KEY: APP.key,
        SOCKET_APP_SECRET: APP.secret,
        PUSHER_HOST: '127.0.0.1',
        PUSHER_PORT: String(toProvider.port),
        PUSHER_SCHEME: 'http',
      },
      'publisher',
    );
    return new Soak(gateway, publisher, toBrowsers, toRedis, toProvider, redis, hasHistory);
  }

  /** Everybody comes, is relayed to through all that can go wrong, and leaves. Fails unless all of it adds up. */
  async round(): Promise<Round> {
    const regulars = await this.#regulars();
    const visitors = this.#visits();
    // It is waited for below, and until then nobody has to have seen it.
    visitors.catch(() => undefined);
    await this.#goWrong();
    await visitors;
    for (const traffic of [regulars.gateway, regulars.provider]) await traffic.isHeardByAll(SETTLED_MS);
    for (const traffic of [regulars.gateway, regulars.provider]) await traffic.stop();
    await eventually(SETTLED_MS, async () => {
      expect(await this.publisher.call('relays')).toMatchObject({ failed: 0, queued: 0 });
      expect(regulars.gateway.figures).toMatchObject({ lost: 0, duplicated: 0, outOfOrder: 0 });
      expect(regulars.provider.figures).toMatchObject({ failed: 0, lost: 0, outOfOrder: 0 });
    });
    if (this.hasHistory) {
      const figures = { cutOff: 0, duplicated: 0 };
      expect(regulars.gateway.figures).toMatchObject(figures);
      expect(regulars.provider.figures).toMatchObject(figures);
      expect(regulars.clients.flatMap(({ gaps }) => gaps)).toEqual([]);
    }
    const caughtUp = regulars.clients.reduce((sum, client) => sum + client.caughtUp, 0);
    for (const client of regulars.clients) client.leave();
    await Promise.all(regulars.clients.map(({ ended }) => ended));
    await this.isEmpty();
    this.#rounds++;
    return { gateway: regulars.gateway.figures, provider: regulars.provider.figures, caughtUp };
  }

  /** Resolves when the gateway, and Redis, know of nobody any more. */
  async isEmpty(): Promise<void> {
    const client = this.redis.client();
    await eventually(SETTLED_MS, async () => {
      expect(await this.gateway.call('health')).toMatchObject({ status: 'up', connections: 0 });
      expect(await new Api(this.gateway).occupied()).toEqual([]);
      // Only the gateway's lease is left, and the replies that expire by themselves.
      const keys = await client.keys('*');
      const others = keys.filter((key) => !/\{#\}|:node:|:reply:|:waiting$/.test(key));
      // Logs, and the keys of relays, expire by themselves too.
      expect(others.filter((key) => !this.hasHistory || !/:(?:head|log|once:\S+)$/.test(key))).toEqual([]);
    });
    client.disconnect();
  }

  /** The memory that the gateway holds: the least of several measurements. */
  async heapBytes(): Promise<number> {
    const samples: number[] = [];
    while (samples.length < 4) samples.push(await this.gateway.call('heapBytes'));
    return Math.min(...samples);
  }

  /** The sockets, servers and pipes of the gateway's process, counted by kind. */
  async handles(): Promise<Readonly<Record<string, number>>> {
    const counts: Record<string, number> = {};
    for (const kind of await this.gateway.call('resources')) {
      if (/Wrap$/.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
  }

  async #regulars(): Promise<{ clients: SoakClient[]; gateway: Steady; provider: Steady }> {
    const ids = Array.from({ length: REGULARS }, (_, index) => `regular-${index}`);
    const traffic: Record<string, Steady> = {};
    const clients = ids.map(
      (id, index) =>
        new SoakClient(
          id,
          this.toBrowsers,
          [`private-${id}`, `presence-room-${index % 5}`],
          true,
          (event, n, at) => {
            traffic[event]?.hears(id, n, at);
          },
          this.hasHistory,
        ),
    );
    onTeardown(() => {
      for (const client of clients) client.crash();
    });
    await eventually(SETTLED_MS, () => {
      expect(clients.flatMap(({ problem }) => problem ?? [])).toEqual([]);
    });
    const room = (node: ClusterNode) => (steady: Steady) =>
      eventually(SETTLED_MS, async () => {
        expect(steady.unanswered).toBeLessThan(MOST_WAITING);
        expect((await node.call('relays')).queued).toBeLessThan(MOST_WAITING);
      });
    const from = (node: ClusterNode, event: string) =>
      new Steady(ids, (member, n) => node.call('relayToMember', member, event, { n }), EVERY_MS, room(node));
    const gateway = (traffic['GATEWAY'] = from(this.gateway, 'GATEWAY'));
    const provider = (traffic['PROVIDER'] = from(this.publisher, 'PROVIDER'));
    await Promise.all([gateway.isHeardByAll(SETTLED_MS), provider.isHeardByAll(SETTLED_MS)]);
    return { clients, gateway, provider };
  }

  async #visits(): Promise<void> {
    const last = this.#visitors + VISITORS;
    const oneAfterTheOther = async () => {
      while (this.#visitors < last) await visit(this.gateway, this.#visitors++, this.hasHistory);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, oneAfterTheOther));
  }

  /** One fault after the other, while members come and go. Faults that take long to heal take turns. */
  async #goWrong(): Promise<void> {
    const pause = () => new Promise((resolve) => setTimeout(resolve, SHORT_MS));
    this.toBrowsers.delay(10, 30);
    this.toProvider.delay(10, 30);
    await pause();
    this.toBrowsers.delay(0);
    this.toProvider.delay(0);
    this.toBrowsers.tearAfter(30, 'down');
    this.toProvider.tearAfter(30, 'down');
    await pause();
    this.toBrowsers.cut();
    this.outages += 5;
    if (this.#rounds % 2 === 0) {
      this.toProvider.refuse();
      this.toProvider.cut();
      await pause();
      this.toProvider.refuse(false);
    } else {
      this.toRedis.tearAfter(30, 'up');
      await pause();
      this.toRedis.swallow();
      await pause();
      this.toRedis.release();
    }
  }
}
