/** The providers there are. */
export const PROVIDERS = ['ws', 'pusher', 'memory'] as const;
/** One of {@link PROVIDERS}. */
export type Provider = (typeof PROVIDERS)[number];

/** The application's credentials, the same for `ws` and `pusher`. */
export interface AppCredentials {
  readonly id: string;
  /** Public: browsers know it. */
  readonly key: string;
  /** Never leaves the backend. */
  readonly secret: string;
}

/** Where the Pusher HTTP API is, and its WebSocket end where that is not a hosted cluster's. */
export interface PusherConfig {
  readonly cluster?: string;
  readonly host?: string;
  readonly port?: number;
  /** `https` unless told otherwise. */
  readonly scheme: 'http' | 'https';
  /** Milliseconds until a request is given up. */
  readonly timeoutMs: number;
  readonly wsHost?: string;
  readonly wsPort?: number;
}

/** The native gateway's settings. */
export interface GatewayConfig {
  /** What stands before `/app/<key>` in the gateway's URL (`wsPath` in `pusher-js`): empty, or `/ws` and the like. */
  readonly path: string;
  /** Where client events (`client-…`) are allowed: everywhere, nowhere, or on these channels only. */
  readonly clientEvents: boolean | readonly string[];
  /** Seconds of silence after which a peer is asked whether it is still there. */
  readonly activityTimeoutS: number;
  /** Seconds it has to answer before its connection is closed with 4201. */
  readonly pongTimeoutS: number;
  /** Milliseconds a member may be gone (a page reload) before its presence channels are told; 0 tells at once. */
  readonly presenceGraceMs: number;
}

/** What a relay's failure does: `report` resolves with a failed receipt, `throw` rejects. */
export type FailurePolicy = 'report' | 'throw';

/** The whole configuration, complete and checked. */
export interface SocketConfig {
  readonly provider: Provider;
  readonly app: AppCredentials;
  /** The channel behind `broadcast`. */
  readonly broadcastChannel: string;
  readonly failure: FailurePolicy;
  readonly pusher: PusherConfig;
  readonly gateway: GatewayConfig;
}

/** The inversify token of the configuration. */
export const SOCKET_CONFIG = Symbol.for('nestjs-switchboard.SocketConfig');
