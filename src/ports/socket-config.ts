import type { appSettings } from '../settings/app.js';
import type { clusterSettings } from '../settings/cluster.js';
import type { deliverySettings } from '../settings/delivery.js';
import type { gatewaySettings } from '../settings/gateway.js';
import type { handlerSettings } from '../settings/handlers.js';
import type { historySettings } from '../settings/history.js';
import type { Provider, providerSettings } from '../settings/provider.js';
import type { publicUrlSettings } from '../settings/public-url.js';
import type { RedisAddress } from '../settings/redis-address.js';
import type { relaySettings } from '../settings/relays.js';
import type { ConfigOf } from '../settings/setting.js';

export type { Provider } from '../settings/provider.js';
export type { PublicUrl } from '../settings/public-url.js';
export type { RedisAddress } from '../settings/redis-address.js';
export type { RedisClientOptions } from '../settings/redis-options.js';

type Second = ReturnType<typeof providerSettings>['second'];

/** A second provider beside the first. */
export interface SecondConfig extends Required<ConfigOf<Second>> {
  readonly provider: Provider;
}

/** The task of a second provider: it gets everything too (`mirror`), or takes over while the first one fails (`failover`). */
export type SecondRole = SecondConfig['role'];

/** The application's credentials, the same for `ws` and `pusher`. */
export type AppCredentials = ConfigOf<typeof appSettings.app>;

/** The effect of a relay's failure: `report` resolves with a failed receipt, `throw` rejects. */
export type FailurePolicy = SocketConfig['failure'];

/** The retries of failed relays: for how long, and how many may wait. */
export type DeliveryConfig = Required<ConfigOf<typeof deliverySettings.delivery>>;

/** How relays are delivered: tried at once, and again from memory (`direct`), or by way of a queue in Redis (`queue`). */
export type DeliveryMode = DeliveryConfig['mode'];

/** The channel engine's settings, and those of the native gateway in front of it. */
export interface GatewayConfig extends ConfigOf<typeof gatewaySettings.gateway> {
  /**
   * The path before `/app/<key>` in the gateway's URL, as this process sees it: empty, or `/ws` and the like. Browsers add what a
   * proxy takes away, see `publicUrl`.
   */
  readonly path: string;
}

/** The limits against strangers. 0 switches each off. */
export type GatewayLimits = GatewayConfig['limits'];

/** The settings of handlers of messages from members. */
export type HandlerConfig = ConfigOf<typeof handlerSettings.handlers>;

/** The channels whose events are kept, and the bounds of what is kept. */
export type HistoryConfig = ConfigOf<typeof historySettings.history>;

/** The Redis that the nodes of a cluster share. */
export interface RedisConfig extends Omit<ConfigOf<typeof clusterSettings.redis>, 'url'> {
  /** Absent where no `url` was given. */
  readonly address?: RedisAddress;
}

/** How several processes become one: not at all (`local`), or over Redis. */
export type ClusterKind = SocketConfig['cluster'];

/** The whole configuration, complete and checked, but for the adapters' own sections. */
export interface SocketConfig
  extends
    Omit<ConfigOf<typeof appSettings>, 'app'>,
    ConfigOf<typeof relaySettings>,
    ConfigOf<typeof publicUrlSettings>,
    ConfigOf<typeof historySettings>,
    Omit<ConfigOf<typeof clusterSettings>, 'redis'> {
  /** The provider, or the first of two. */
  readonly provider: Provider;
  /** The gateways beside that of the provider, on the same engine. */
  readonly gateways: readonly Provider[];
  /** Absent where there is one provider. */
  readonly second?: SecondConfig;
  readonly app: AppCredentials;
  readonly delivery: DeliveryConfig;
  readonly gateway: GatewayConfig;
  readonly handlers: HandlerConfig;
  readonly redis: RedisConfig;
}

/** The inversify token of the configuration. */
export const SOCKET_CONFIG = Symbol.for('nestjs-switchboard.SocketConfig');
