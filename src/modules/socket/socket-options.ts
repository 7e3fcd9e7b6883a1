import type { InjectionToken, ModuleMetadata, OptionalFactoryDependency } from '@nestjs/common';
import type { SocketAdapter } from '../../adapters/adapter.js';
import type { Environment, SocketSettings } from '../../config/settings.js';
import type { Identity } from '../../ports/authorization.js';
import type { HttpRequest } from '../../ports/http-request.js';
import type { LostRelay } from '../../relays/receipt.js';
import type { RelayMetrics } from '../../relays/relay-reporter.js';
import type { RedisClientOptions } from '../../settings/redis-options.js';
import type { HandlerMetrics } from './handlers/handler-metrics.js';

/**
 * The part of `prom-client`'s `Registry` that this package uses. An application without metrics compiles without `prom-client`.
 */
export interface MetricsRegistry {
  registerMetric(metric: never): void;
  getSingleMetric(name: string): unknown;
  removeSingleMetric(name: string): void;
}

/** The options of `SocketModule`. They win over the environment. */
export interface SocketModuleOptions extends SocketSettings {
  /**
   * Identifies the caller of an auth endpoint: returns the member, or `null` to refuse the caller. The request is Express's or
   * Fastify's own, and the parameter may be declared as such: `(request: express.Request) => …`. Middleware has run before,
   * guards have not. @default undefined, every private channel, presence channel and signin is refused
   */
  identify?(request: HttpRequest): Identity | null | Promise<Identity | null>;
  /**
   * Called with every lost relay whose call could not reject: all of them while `failure` is `report`, and otherwise those
   * that were answered with `queued`. An error that it throws is logged. @default undefined
   */
  onRelayError?(lost: LostRelay): void;
  /**
   * The application's own `Registry` of `prom-client`. It has the metrics of this module until the application is closed.
   * Several modules can share one; the metrics are sums then. @default undefined, `prom-client` is not loaded
   */
  readonly metrics?: MetricsRegistry;
  /** The options of `ioredis` that `SOCKET_REDIS_URL` cannot carry. @default undefined, none */
  readonly redisOptions?: RedisClientOptions;
  /** The adapters besides the built-in ones. `SOCKET_PROVIDER` may have their names. @default [] */
  readonly adapters?: readonly SocketAdapter[];
  /** The variables of the configuration. @default process.env */
  readonly env?: Environment;
}

/** The paths of the endpoints. Nest needs them before a factory has made the other options. */
export interface SocketModulePaths {
  /** The path of the endpoints: `/<path>/config`, `/<path>/auth`, `/<path>/user-auth`, `/<path>/history`. @default 'socket' */
  readonly path?: string;
  /** The path before `/app/<key>` in the gateway's URL, like `/ws`. @default '' */
  readonly gatewayPath?: string;
}

/** The options of `SocketModule.forRootAsync`, which a factory makes. */
export interface SocketModuleAsyncOptions extends SocketModulePaths {
  /** The modules that export the factory's dependencies. @default [] */
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  /** The tokens of the factory's dependencies, in the order of its parameters. @default [] */
  readonly inject?: readonly (InjectionToken | OptionalFactoryDependency)[];
  /** Makes the options. The application's start waits for it. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Nest injects what `inject` lists
  readonly useFactory: (...dependencies: any[]) => SocketModuleOptions | Promise<SocketModuleOptions>;
}

/** The metrics that one module counts. */
export type ModuleMetrics = RelayMetrics & HandlerMetrics;

/** The Nest token of the {@link ModuleMetrics}; `undefined` where the options have no registry. */
export const MODULE_METRICS = Symbol('ModuleMetrics');

/** The Nest token of the resolved {@link SocketModuleOptions}. */
export const SOCKET_OPTIONS = Symbol('SocketModuleOptions');

/**
 * The Nest token of the name of a provider that replaces the configured ones. Only `SocketTestingModule` should export it.
 */
export const PROVIDER_OVERRIDE = Symbol('SocketProviderOverride');
