import { type RedisServer, startRedis } from '../redis.js';
import { NODE_SETTINGS } from './app.js';
import { ClusterNode, type NodeSettings } from './nodes.js';
import { WebhookLog } from './webhook-log.js';

/** The settings by which the nodes of a cluster find each other. */
export function clusterSettings(redis: Pick<RedisServer, 'url'>, prefix = 'switchboard'): NodeSettings {
  return { SOCKET_CLUSTER: 'redis', SOCKET_REDIS_URL: redis.url, SOCKET_REDIS_PREFIX: prefix };
}

/** A Redis, nodes around it, and a receiver of their webhooks. Gone after the test. */
export class Cluster {
  private constructor(
    readonly redis: RedisServer,
    readonly webhooks: WebhookLog,
    readonly settings: NodeSettings,
  ) {}

  /** Starts all but the nodes. */
  static async start(more: NodeSettings = {}): Promise<Cluster> {
    const redis = await startRedis();
    const webhooks = await WebhookLog.start();
    const settings = { ...NODE_SETTINGS, ...clusterSettings(redis), ...webhooks.settings, ...more };
    return new Cluster(redis, webhooks, settings);
  }

  /** One more node. */
  node(more: NodeSettings = {}): Promise<ClusterNode> {
    return ClusterNode.start({ ...this.settings, ...more });
  }

  /** Two more nodes. */
  two(): Promise<[ClusterNode, ClusterNode]> {
    return Promise.all([this.node(), this.node()]);
  }

  /** Three more nodes. */
  three(): Promise<[ClusterNode, ClusterNode, ClusterNode]> {
    return Promise.all([this.node(), this.node(), this.node()]);
  }

  /** A process that publishes, and has no gateway. */
  publisher(): Promise<ClusterNode> {
    return ClusterNode.start(this.settings, 'publisher');
  }
}
