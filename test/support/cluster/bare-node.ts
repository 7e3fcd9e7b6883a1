import { RedisCluster } from '../../../src/cluster/redis/redis-cluster.js';
import { socketConfig } from '../../../src/config/socket-config.js';
import { systemClock } from '../../../src/ports/clock.js';
import type { AskAnswer, JoinRefusal, MemberAsk } from '../../../src/ports/cluster.js';
import type { User } from '../../../src/ports/user.js';
import { onTeardown } from '../teardown.js';

/** A node without an engine: it writes down what its cluster tells it. Closed after the test. */
export class BareNode {
  /** The news that it was told, oldest first: `+ada`, `~ada` for another info, `-ada`, `event …`, `count …`. */
  readonly told: string[] = [];
  readonly cluster: RedisCluster;

  private constructor(url: string, environment: Record<string, string>) {
    const config = socketConfig({
      SOCKET_PROVIDER: 'ws',
      SOCKET_CLUSTER: 'redis',
      SOCKET_REDIS_URL: url,
      ...environment,
    });
    const silent = { log: () => undefined, warn: () => undefined, error: () => undefined };
    const node = {
      deliver: (channel: string, { event }: { event: string }) => this.told.push(`${event} on ${channel}`),
      live: () => undefined,
      deliverToUsers: (channels: readonly string[], { event }: { event: string }) =>
        this.told.push(`${event} on ${channels.join(' ')}`),
      terminate: (userId: string) => this.told.push(`terminate ${userId}`),
      remove: () => undefined,
      askedElsewhere: (
        channel: string,
        { event, json }: MemberAsk,
        answered: (answer: AskAnswer) => void,
      ) => {
        this.told.push(`${event} of ${channel}`);
        answered({ json });
      },
      memberAdded: (_: string, { id }: User) => this.told.push(`+${id}`),
      memberChanged: (_: string, { id }: User) => this.told.push(`~${id}`),
      memberRemoved: (_: string, id: string) => this.told.push(`-${id}`),
      counted: (_: string, count: number) => this.told.push(`count ${count}`),
      statusChanged: (id: string, isOnline: boolean) => this.told.push(`${id} ${String(isOnline)}`),
      emit: ({ name }: { name: string }) => this.told.push(`event ${name}`),
    };
    this.cluster = new RedisCluster(node, config, systemClock, silent);
  }

  /** One that never starts: it may publish, and takes no connections. */
  static publisher(url: string): BareNode {
    const node = new BareNode(url, {});
    onTeardown(() => node.cluster.close());
    return node;
  }

  static async start(url: string, environment: Record<string, string> = {}): Promise<BareNode> {
    const node = new BareNode(url, environment);
    onTeardown(() => node.cluster.close());
    await node.cluster.start();
    return node;
  }

  /** Resolves when the cluster has answered. */
  join(
    channel: string,
    subscriptions: number,
    id?: string,
    info?: unknown,
  ): Promise<JoinRefusal | undefined> {
    return new Promise((resolve) => {
      this.cluster.join(channel, subscriptions, id === undefined ? undefined : { id, info }, resolve);
    });
  }

  leave(channel: string, subscriptions: number, id?: string, isDeliberate = true): void {
    this.cluster.leave(channel, subscriptions, id, isDeliberate);
  }

  members(channel: string): string[] {
    return [...this.cluster.roster(channel).keys()].sort();
  }

  /** The comings and goings of members that it was told. */
  get moves(): string[] {
    return this.told.filter((entry) => /^[+~-]/.test(entry));
  }
}
