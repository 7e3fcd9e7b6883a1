import type {
  AppCredentials,
  DeliveryConfig,
  GatewayConfig,
  GatewayLimits,
  HttpApiConfig,
  Provider,
  PusherConfig,
  SecondConfig,
  SocketConfig,
  WebhookConfig,
} from '../ports/socket-config.js';
import type { Variable } from './variables.js';

/** Anything shaped like `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Settings given in code. Each stands for the environment variable of the same meaning, and wins over it. */
export interface SocketSettings {
  /** One, or two of `ws` and `pusher`, the first of them first. */
  readonly provider?: Provider | readonly [first: Provider, second: Provider];
  /** What the second of two providers is for. */
  readonly second?: Partial<Omit<SecondConfig, 'provider'>>;
  readonly app?: AppCredentials;
  /** 32 bytes in base64; enables encrypted channels. */
  readonly encryptionMasterKey?: string;
  readonly broadcastChannel?: string;
  readonly failure?: SocketConfig['failure'];
  readonly delivery?: Partial<DeliveryConfig>;
  readonly pusher?: Partial<PusherConfig>;
  readonly gateway?: Partial<Omit<GatewayConfig, 'path' | 'limits'>> & {
    readonly limits?: Partial<GatewayLimits>;
  };
  readonly httpApi?: Partial<HttpApiConfig>;
  readonly webhooks?: Partial<WebhookConfig>;
  readonly cluster?: SocketConfig['cluster'];
  readonly redis?: {
    /** `redis://`, `rediss://`, `redis-sentinel://…#primary`; several hosts are seeds of a Redis Cluster. */
    readonly url?: string;
    readonly prefix?: string;
  };
}

/** Writes settings as the variables they stand for, so that both go through one validation. */
export function settingsAsVariables(settings: SocketSettings): Environment {
  const { app, delivery, pusher, gateway, httpApi, webhooks, redis } = settings;
  const limits = gateway?.limits;
  const variables: Partial<Record<Variable, string | number | boolean | readonly string[]>> = {
    ...defined('SOCKET_PROVIDER', settings.provider),
    ...defined('SOCKET_SECOND_ROLE', settings.second?.role),
    ...defined('SOCKET_SECOND_RECHECK_S', settings.second?.recheckS),
    ...defined('SOCKET_APP_ID', app?.id),
    ...defined('SOCKET_APP_KEY', app?.key),
    ...defined('SOCKET_APP_SECRET', app?.secret),
    ...defined('SOCKET_ENCRYPTION_MASTER_KEY', settings.encryptionMasterKey),
    ...defined('SOCKET_BROADCAST_CHANNEL', settings.broadcastChannel),
    ...defined('SOCKET_FAILURE', settings.failure),
    ...defined('SOCKET_DELIVERY', delivery?.mode),
    ...defined('SOCKET_RETRY_DEADLINE_MS', delivery?.retryDeadlineMs),
    ...defined('SOCKET_MAX_WAITING_RELAYS', delivery?.waitingRelays),
    ...defined('SOCKET_MAX_WAITING_BYTES', delivery?.waitingBytes),
    ...defined('SOCKET_BREAKER_FAILURES', delivery?.breakerFailures),
    ...defined('SOCKET_QUEUE_CONCURRENCY', delivery?.queueConcurrency),
    ...defined('SOCKET_MAX_DEAD_LETTERS', delivery?.deadLetters),
    ...defined('PUSHER_CLUSTER', pusher?.cluster),
    ...defined('PUSHER_HOST', pusher?.host),
    ...defined('PUSHER_PORT', pusher?.port),
    ...defined('PUSHER_SCHEME', pusher?.scheme),
    ...defined('PUSHER_TIMEOUT_MS', pusher?.timeoutMs),
    ...defined('PUSHER_BATCHING', pusher?.batching),
    ...defined('PUSHER_WS_HOST', pusher?.wsHost),
    ...defined('PUSHER_WS_PORT', pusher?.wsPort),
    ...defined('SOCKET_CLIENT_EVENTS', gateway?.clientEvents),
    ...defined('SOCKET_SUBSCRIPTION_COUNT', gateway?.subscriptionCount),
    ...defined('SOCKET_HTTP_API', httpApi?.enabled),
    ...defined('SOCKET_HTTP_API_PORT', httpApi?.port),
    ...defined('SOCKET_WEBHOOK_URLS', webhooks?.urls),
    ...defined('SOCKET_WEBHOOK_EVENTS', webhooks?.events),
    ...defined('SOCKET_WEBHOOK_PRIVATE_TARGETS', webhooks?.privateTargets),
    ...defined('SOCKET_ACTIVITY_TIMEOUT_S', gateway?.activityTimeoutS),
    ...defined('SOCKET_PONG_TIMEOUT_S', gateway?.pongTimeoutS),
    ...defined('SOCKET_PRESENCE_GRACE_MS', gateway?.presenceGraceMs),
    ...defined('SOCKET_DRAIN_MS', gateway?.drainMs),
    ...defined('SOCKET_ALLOWED_ORIGINS', gateway?.allowedOrigins),
    ...defined('SOCKET_MAX_CONNECTIONS', limits?.connections),
    ...defined('SOCKET_MAX_CONNECTIONS_PER_ADDRESS', limits?.connectionsPerAddress),
    ...defined('SOCKET_MAX_CHANNELS', limits?.channels),
    ...defined('SOCKET_MAX_CHANNELS_PER_CONNECTION', limits?.channelsPerConnection),
    ...defined('SOCKET_MAX_MESSAGES_PER_SECOND', limits?.messagesPerSecond),
    ...defined('SOCKET_MAX_SUBSCRIBES_PER_SECOND', limits?.subscribesPerSecond),
    ...defined('SOCKET_MAX_CLIENT_EVENTS_PER_SECOND', limits?.clientEventsPerSecond),
    ...defined('SOCKET_MAX_EVENT_BYTES', limits?.eventBytes),
    ...defined('SOCKET_MAX_FRAME_BYTES', limits?.frameBytes),
    ...defined('SOCKET_MAX_BUFFERED_BYTES', limits?.bufferedBytes),
    ...defined('SOCKET_MAX_PRESENCE_MEMBERS', limits?.presenceMembers),
    ...defined('SOCKET_UNAUTHORIZED_TIMEOUT_S', limits?.unauthorizedS),
    ...defined('SOCKET_CLUSTER', settings.cluster),
    ...defined('SOCKET_REDIS_URL', redis?.url),
    ...defined('SOCKET_REDIS_PREFIX', redis?.prefix),
  };
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, String(value)]));
}

function defined<V>(name: Variable, value: V | undefined): Partial<Record<Variable, V>> {
  return value === undefined ? {} : { [name]: value };
}
