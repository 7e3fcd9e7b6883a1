import { randomBytes } from 'node:crypto';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import type { Environment, SocketSettings } from 'nestjs-switchboard';
import type { ChannelEngine } from '../../src/channels/channel-engine.js';
import { SocketRuntime } from '../../src/runtime/socket-runtime.js';
import { Balancer } from './balancer.js';
import type { RedisServer } from './redis.js';
import { engineOf } from './runtime-parts.js';

declare global {
  /** On how many nodes a test's host application on `ws` runs. The jest project "two nodes" sets it. */
  var SWITCHBOARD_TEST_NODES: number | undefined;
}

/** The providers whose browsers are connected to the application's own nodes. */
const GATEWAYS: readonly unknown[] = ['ws', 'socket-io'];

const NODES = globalThis.SWITCHBOARD_TEST_NODES ?? 1;

// Imported here or never: it has hooks to register, and one node needs no Redis.
const startRedis = NODES > 1 ? (await import('./redis.js')).startRedis : undefined;

/** The Redis of this test file, from the first cluster on. */
let redis: Promise<RedisServer> | undefined;

/**
 * Declares tests of what belongs to one process. The project "two nodes" shows them as skipped, with the reason; on one
 * node it is as if this were not there.
 */
export function onOneNode(reason: string, define: () => void): void {
  if (NODES === 1) define();
  else describe.skip(`on one node only, because ${reason}`, define);
}

/**
 * Where a test's host application runs: on one node; or on as many as the jest project says, which share a Redis, with a
 * balancer in front of them. Either way there is one address, and a test need not know what is behind it.
 */
export class Topology {
  #apps: readonly INestApplication[] = [];
  #balancer: Balancer | undefined;
  #port = 0;
  /** Starts one more node. */
  #addNode: () => Promise<number> = () => Promise.reject(new Error('The topology was not started'));

  /** The nodes, in the order of their start. */
  get apps(): readonly INestApplication[] {
    return this.#apps;
  }

  /** The node that a test means when it speaks of the application. */
  get first(): INestApplication {
    const [app] = this.#apps;
    if (app === undefined) throw new Error('No node was created');
    return app;
  }

  get runtimes(): readonly SocketRuntime[] {
    return this.#apps.map((app) => app.get(SocketRuntime));
  }

  get servers(): readonly HttpServer[] {
    return this.#apps.map((app) => app.getHttpServer() as HttpServer);
  }

  /** Where clients find it, whichever node they get to. */
  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /**
   * Creates the nodes and lets them listen. Those that were created are closed by `close()`, also when this fails.
   *
   * @param settings what the application is started with; only a gateway of its own can be on several nodes
   * @param create creates one node, with what its environment has to have besides; it does not listen yet
   * @param prepare does the rest before it listens
   */
  async start(
    { provider, env = {} }: Pick<SocketSettings, 'provider'> & { readonly env?: Environment },
    create: (cluster: Environment) => Promise<INestApplication>,
    prepare: (app: INestApplication) => void = () => undefined,
  ): Promise<void> {
    const isGateway = GATEWAYS.includes(provider ?? env['SOCKET_PROVIDER'] ?? 'ws');
    const cluster = isGateway ? await newCluster() : undefined;
    this.#addNode = async () => {
      const app = await create(cluster ?? {});
      this.#apps = [...this.#apps, app];
      prepare(app);
      await app.listen(0, '127.0.0.1');
      return (app.getHttpServer() as { address(): AddressInfo }).address().port;
    };
    if (cluster === undefined) {
      this.#port = await this.#addNode();
    } else {
      this.#balancer = await Balancer.start(await this.#addNodes());
      this.#port = this.#balancer.port;
    }
  }

  /** Hears of every connection to any of the nodes, from now on. */
  onConnection(listener: (socket: Socket) => void): void {
    for (const server of this.servers) server.on('connection', listener);
  }

  /**
   * Has every client told 4200, come back at once, as a restart does. With several nodes it is one: new nodes take over,
   * and the old ones are closed. One node has no other to take over, and just sends its clients away.
   */
  async sendEverybodyAway(): Promise<void> {
    const old = this.#apps;
    if (this.#balancer === undefined) {
      await engineOf(this.first.get(SocketRuntime)).close();
      return;
    }
    const ports = await this.#addNodes();
    this.#apps = this.#apps.slice(old.length);
    this.#balancer.leadTo(ports);
    await Promise.all(old.map((app) => app.close()));
  }

  async close(): Promise<void> {
    this.#balancer?.stopListening();
    await Promise.all(this.#apps.map((app) => app.close()));
    await this.#balancer?.close();
  }

  async #addNodes(): Promise<readonly number[]> {
    const ports: number[] = [];
    while (ports.length < NODES) ports.push(await this.#addNode());
    return ports;
  }
}

/** The close codes of clients when the host is closed: from the last node they come back after a second, otherwise at once. */
export const SENT_AWAY: readonly number[] = NODES === 1 ? [4100] : [4100, 4200];

/** The engines of all nodes together. */
export class Engines {
  constructor(private readonly topology: Topology) {}

  get connections(): number {
    return sum(this.#all.map(({ connections }) => connections));
  }

  /** How many channels each of them has something of; those of members are among them. */
  get channels(): number {
    return sum(this.#all.map(({ channels }) => channels));
  }

  async subscriptions(channel: string): Promise<number> {
    return (await this.#any.channelInfo(channel)).subscriptionCount;
  }

  async isOccupied(channel: string): Promise<boolean> {
    return (await this.#any.channelInfo(channel)).isOccupied;
  }

  /** The names of the occupied channels, sorted; those of members are not among them. */
  async occupied(prefix = ''): Promise<string[]> {
    return (await this.#any.occupiedChannels(prefix)).map(({ name }) => name).sort();
  }

  /** Whichever is asked, the answer is about all of them. */
  get #any(): ChannelEngine {
    return engineOf(this.topology.first.get(SocketRuntime));
  }

  get #all(): readonly ChannelEngine[] {
    return this.topology.runtimes.map(engineOf);
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** The settings that make nodes one cluster, apart from any other: the Redis of the file, and a prefix. None for one node. */
async function newCluster(): Promise<Environment | undefined> {
  if (startRedis === undefined) return undefined;
  redis ??= startRedis({ until: 'file' });
  const { url } = await redis;
  return {
    SOCKET_CLUSTER: 'redis',
    SOCKET_REDIS_URL: url,
    SOCKET_REDIS_PREFIX: `test-${randomBytes(8).toString('hex')}`,
  };
}
