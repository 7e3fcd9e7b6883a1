import type { AppCredentials, GatewayConfig, PusherConfig, SocketConfig } from '../ports/socket-config.js';
import type { Variable } from './variables.js';

/** Anything shaped like `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Settings given in code. Each stands for the environment variable of the same meaning, and wins over it. */
export interface SocketSettings {
  readonly provider?: SocketConfig['provider'];
  readonly app?: AppCredentials;
  readonly broadcastChannel?: string;
  readonly failure?: SocketConfig['failure'];
  readonly pusher?: Partial<PusherConfig>;
  readonly gateway?: Partial<Omit<GatewayConfig, 'path'>>;
}

/** Writes settings as the variables they stand for, so that both go through one validation. */
export function settingsAsVariables(settings: SocketSettings): Environment {
  const { app, pusher, gateway } = settings;
  const variables: Partial<Record<Variable, string | number | boolean | readonly string[]>> = {
    ...defined('SOCKET_PROVIDER', settings.provider),
    ...defined('SOCKET_APP_ID', app?.id),
    ...defined('SOCKET_APP_KEY', app?.key),
    ...defined('SOCKET_APP_SECRET', app?.secret),
    ...defined('SOCKET_BROADCAST_CHANNEL', settings.broadcastChannel),
    ...defined('SOCKET_FAILURE', settings.failure),
    ...defined('PUSHER_CLUSTER', pusher?.cluster),
    ...defined('PUSHER_HOST', pusher?.host),
    ...defined('PUSHER_PORT', pusher?.port),
    ...defined('PUSHER_SCHEME', pusher?.scheme),
    ...defined('PUSHER_TIMEOUT_MS', pusher?.timeoutMs),
    ...defined('PUSHER_WS_HOST', pusher?.wsHost),
    ...defined('PUSHER_WS_PORT', pusher?.wsPort),
    ...defined('SOCKET_CLIENT_EVENTS', gateway?.clientEvents),
    ...defined('SOCKET_ACTIVITY_TIMEOUT_S', gateway?.activityTimeoutS),
    ...defined('SOCKET_PONG_TIMEOUT_S', gateway?.pongTimeoutS),
    ...defined('SOCKET_PRESENCE_GRACE_MS', gateway?.presenceGraceMs),
  };
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, String(value)]));
}

function defined<V>(name: Variable, value: V | undefined): Partial<Record<Variable, V>> {
  return value === undefined ? {} : { [name]: value };
}
