import type { IncomingHttpHeaders } from 'node:http';
import type { InjectionToken, ModuleMetadata, OptionalFactoryDependency } from '@nestjs/common';
import type { Environment, SocketSettings } from '../../config/settings.js';
import type { Identity } from '../../ports/authorization.js';
import type { LostRelay } from '../../relays/receipt.js';
import type { SocketAdapter } from '../../adapters/adapter.js';

/** What every HTTP request has, on Express and on Fastify. */
export interface HttpRequest {
  readonly headers: IncomingHttpHeaders;
}

/**
 * A `Registry` of `prom-client`, as far as this package has to know it: who does not use it needs no `prom-client` to compile.
 */
export interface MetricsRegistry {
  registerMetric(metric: never): void;
  getSingleMetric(name: string): unknown;
  removeSingleMetric(name: string): void;
}

/** What the host application tells `SocketModule`. Settings given here win over the environment. */
export interface SocketModuleOptions extends SocketSettings {
  /**
   * Says who is calling an auth endpoint: the member, or `null` to refuse. Without it every private channel, presence
   * channel and signin is refused. The request is Express's or Fastify's own.
   */
  identify?(request: HttpRequest): Identity | null | Promise<Identity | null>;
  /**
   * Told about every relay that was lost and whose call could not reject: each while `failure` is `report`, and otherwise
   * those that were answered with `queued`. What it throws is logged.
   */
  onRelayError?(lost: LostRelay): void;
  /**
   * The application's own `Registry` of `prom-client`, which gets the metrics of this module until the application is closed.
   * Modules that are given the same one share the metrics, which then are sums. Without it nothing is counted for it, and
   * `prom-client` is not loaded.
   */
  readonly metrics?: MetricsRegistry;
  /** Adapters besides the built-in ones: their names become valid for `SOCKET_PROVIDER`. @default [] */
  readonly adapters?: readonly SocketAdapter[];
  /** Where the variables are read. @default process.env */
  readonly env?: Environment;
}

/** What has to be known before the options are: the routes. */
export interface SocketModulePaths {
  /** Where the endpoints are: `/<path>/config`, `/<path>/auth`, `/<path>/user-auth`. @default 'socket' */
  readonly path?: string;
  /** What stands before `/app/<key>` in the gateway's URL, like `/ws`. @default '' */
  readonly gatewayPath?: string;
}

/** `forRootAsync`: the options come from a factory. */
export interface SocketModuleAsyncOptions extends SocketModulePaths {
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  readonly inject?: readonly (InjectionToken | OptionalFactoryDependency)[];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Nest injects what `inject` lists
  readonly useFactory: (...dependencies: any[]) => SocketModuleOptions | Promise<SocketModuleOptions>;
}

/** The Nest token of the `RelayMetrics`; nothing where the options have no registry. */
export const RELAY_METRICS = Symbol('RelayMetrics');

/** The Nest token of the resolved {@link SocketModuleOptions}. */
export const SOCKET_OPTIONS = Symbol('SocketModuleOptions');

/**
 * The Nest token of a provider that overrules the configured one. `SocketTestingModule` exports it; nothing else should.
 */
export const PROVIDER_OVERRIDE = Symbol('SocketProviderOverride');
