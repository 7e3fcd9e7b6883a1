import type { ChannelEventName } from './channel-events.js';

/** The providers there are. */
export const PROVIDERS = ['ws', 'pusher', 'memory'] as const;
/** The name of an adapter: one of {@link PROVIDERS}, or of one that the application brings. */
export type Provider = (typeof PROVIDERS)[number] | (string & Record<never, never>);

/** What a second provider does: it gets everything too (`mirror`), or takes over while the first one fails (`failover`). */
export const SECOND_ROLES = ['failover', 'mirror'] as const;
/** One of {@link SECOND_ROLES}. */
export type SecondRole = (typeof SECOND_ROLES)[number];

/** A second provider beside the first. */
export interface SecondConfig {
  readonly provider: Provider;
  readonly role: SecondRole;
  /** Seconds after which a page with the browser helper asks again which provider is in force. */
  readonly recheckS: number;
}

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
  /** Whether what is relayed within one turn of the event loop leaves together. `true` unless told otherwise. */
  readonly batching: boolean;
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
  /** Milliseconds over which the clients are sent away when the process goes; 0 sends all of them at once. */
  readonly drainMs: number;
  /** Whether subscribers are told how many they are. */
  readonly subscriptionCount: boolean;
  /** The origins that browsers may connect from: exact, with a wildcard (`https://*.example.com`), or any when empty. */
  readonly allowedOrigins: readonly string[];
  readonly limits: GatewayLimits;
}

/** What a stranger can push on, each with an off-switch: 0 allows any number. */
export interface GatewayLimits {
  /** Open connections of this process; beyond it, HTTP 503 before the upgrade. */
  readonly connections: number;
  /**
   * Open connections from one network address, of IPv6 from one /64. Off by default: behind a proxy every client has the
   * proxy's address.
   */
  readonly connectionsPerAddress: number;
  /** Channels of this process; beyond it nobody makes up a new public one. */
  readonly channels: number;
  /** Subscriptions of one connection. */
  readonly channelsPerConnection: number;
  /**
   * Messages of any kind from one connection in a second, a long one counted once for each KiB; beyond it nothing more is
   * read until the second is over.
   */
  readonly messagesPerSecond: number;
  /** Subscribe messages of one connection in any second. */
  readonly subscribesPerSecond: number;
  /** Client events of one connection in any second. */
  readonly clientEventsPerSecond: number;
  /** Bytes of one event's data as JSON, from the application, the HTTP API or a client. Hosted Pusher takes 10 240. */
  readonly eventBytes: number;
  /** Bytes of one message from a client; a longer one closes the connection with 1009. */
  readonly frameBytes: number;
  /** Bytes waiting for a client that reads slowly; beyond it the connection is closed with 4100. */
  readonly bufferedBytes: number;
  /** Distinct members of one presence channel. */
  readonly presenceMembers: number;
  /** Seconds a connection may stay without having signed in or joined a channel that needs a signature. */
  readonly unauthorizedS: number;
}

/** The Pusher HTTP API, as the gateway serves it. */
export interface HttpApiConfig {
  readonly enabled: boolean;
  /** A port of its own; without one it is beside the gateway, on the application's server. */
  readonly port?: number;
}

/** Where channel events are posted to, signed as Pusher signs its webhooks. */
export interface WebhookConfig {
  readonly urls: readonly string[];
  /** Only these events; all of them when empty. */
  readonly events: readonly ChannelEventName[];
  /** Whether loopback and private network addresses may be posted to. */
  readonly privateTargets: boolean;
}

/** How several processes become one: not at all (`local`), or over Redis. */
export const CLUSTERS = ['local', 'redis'] as const;
/** One of {@link CLUSTERS}. */
export type ClusterKind = (typeof CLUSTERS)[number];

/** Where Redis is. */
export interface RedisAddress {
  /** The servers, or with `primary` the sentinels. Several without it are seeds of a Redis Cluster. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly username: string | undefined;
  /** Never leaves the backend. */
  readonly password: string | undefined;
  readonly database: number;
  readonly isTls: boolean;
  /** The name by which sentinels know the server. */
  readonly primary: string | undefined;
}

/** The Redis that the nodes of a cluster share. */
export interface RedisConfig {
  readonly address?: RedisAddress;
  /** What every key and every channel in Redis begins with: two applications on one Redis have two prefixes. */
  readonly prefix: string;
}

/** What a relay's failure does: `report` resolves with a failed receipt, `throw` rejects. */
export type FailurePolicy = 'report' | 'throw';

/** How relays are delivered: tried at once, and again from memory (`direct`), or by way of a queue in Redis (`queue`). */
export const DELIVERIES = ['direct', 'queue'] as const;
/** One of {@link DELIVERIES}. */
export type DeliveryMode = (typeof DELIVERIES)[number];

/** What is tried again, for how long, and how much of it may wait. 0 allows any number of what waits. */
export interface DeliveryConfig {
  readonly mode: DeliveryMode;
  /** Milliseconds from the call until a relay that keeps failing is given up; 0 tries once. */
  readonly retryDeadlineMs: number;
  /** Relays that may wait, one to one member or channel each. */
  readonly waitingRelays: number;
  /** Bytes that their payloads may have. */
  readonly waitingBytes: number;
  /** Failures in a row after which the provider is left alone for a while; 0 never leaves it alone. */
  readonly breakerFailures: number;
  /** In the mode `queue`: members and channels that this process serves at a time; 0 hands in only. */
  readonly queueConcurrency: number;
  /** In the mode `queue`: what failed for good and is kept to be looked at. The oldest go first. 0 keeps any number. */
  readonly deadLetters: number;
}

/** The whole configuration, complete and checked. */
export interface SocketConfig {
  /** The provider, or the first of two. */
  readonly provider: Provider;
  /** Absent where there is one provider. */
  readonly second?: SecondConfig;
  readonly app: AppCredentials;
  /** 32 bytes; enables end-to-end encrypted channels. Never leaves the backend. */
  readonly encryptionMasterKey?: Buffer;
  /** The channel behind `broadcast`. */
  readonly broadcastChannel: string;
  readonly failure: FailurePolicy;
  readonly delivery: DeliveryConfig;
  readonly pusher: PusherConfig;
  readonly gateway: GatewayConfig;
  readonly httpApi: HttpApiConfig;
  readonly webhooks: WebhookConfig;
  readonly cluster: ClusterKind;
  readonly redis: RedisConfig;
}

/** The inversify token of the configuration. */
export const SOCKET_CONFIG = Symbol.for('nestjs-switchboard.SocketConfig');
