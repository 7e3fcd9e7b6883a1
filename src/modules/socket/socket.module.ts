import { type DynamicModule, Global, Module, type Provider } from '@nestjs/common';
import { ApplicationConfig, DiscoveryModule, HttpAdapterHost } from '@nestjs/core';
import { socketConfig } from '../../config/socket-config.js';
import { SOCKET_CLIENT } from '../../ports/socket-client.js';
import { ChannelAuthorization } from './authorization/channel-authorization.js';
import type { SocketConfig } from '../../ports/socket-config.js';
import type { RelayMetrics } from '../../relays/relay-log.js';
import { DEVELOPMENT_APP } from '../../settings/app.js';
import { SocketRuntime } from '../../runtime/socket-runtime.js';
import { SocketLifecycle } from './socket-lifecycle.js';
import { socketLog } from './socket-log.js';
import {
  PROVIDER_OVERRIDE,
  RELAY_METRICS,
  SOCKET_OPTIONS,
  type SocketModuleAsyncOptions,
  type SocketModuleOptions,
  type SocketModulePaths,
} from './socket-options.js';
import { SocketHealthIndicator } from './socket-health.indicator.js';
import { createSocketController } from './socket.controller.js';
import { SocketService } from './socket.service.js';

/**
 * The bridge between Nest and the realtime provider that the configuration names. One import is all:
 *
 * ```ts
 * @Module({ imports: [SocketModule.forRoot({ identify: (request) => whoIs(request) })] })
 * ```
 *
 * It is global, serves `/socket/config`, `/socket/auth` and `/socket/user-auth`, on `pusher` also `/socket/webhook`, and
 * releases everything on `app.close()`.
 */
@Global()
@Module({})
export class SocketModule {
  /** With options that are known now; without any, the environment decides. */
  static forRoot(options: SocketModuleOptions & SocketModulePaths = {}): DynamicModule {
    return assemble(options, [], { provide: SOCKET_OPTIONS, useValue: options });
  }

  /** With options that a factory makes from what it injects. */
  static forRootAsync(options: SocketModuleAsyncOptions): DynamicModule {
    return assemble(options, options.imports ?? [], {
      provide: SOCKET_OPTIONS,
      inject: [...(options.inject ?? [])],
      useFactory: options.useFactory,
    });
  }
}

/** @throws SocketConfigurationError, MissingPackageError */
async function startRuntime(
  options: SocketModuleOptions,
  gatewayPath: string,
  override: string | undefined,
): Promise<SocketRuntime> {
  const logger = socketLog();
  const config = readConfig(options, gatewayPath, override);
  const runtime = await SocketRuntime.start(config, logger, options.adapters);
  if (runtime.hasGateway && config.app.secret === DEVELOPMENT_APP.secret)
    logger.warn('SOCKET_APP_SECRET is the development secret, which everybody knows');
  return runtime;
}

/** A provider that overrules the configured one stands alone. */
function readConfig(
  options: SocketModuleOptions,
  gatewayPath: string,
  override: string | undefined,
): SocketConfig {
  const { env = process.env, adapters = [] } = options;
  if (override === undefined) return socketConfig(env, options, { adapters, gatewayPath });
  const { second: _, ...alone } = options;
  return socketConfig(
    { ...env, SOCKET_SECOND_ROLE: undefined },
    { ...alone, provider: override },
    { adapters, gatewayPath },
  );
}

/** Loads nothing where the application has no registry. */
async function loadMetrics(
  { metrics }: SocketModuleOptions,
  runtime: SocketRuntime,
): Promise<RelayMetrics | undefined> {
  if (metrics === undefined) return undefined;
  const { startMetrics } = await import('./metrics/start-metrics.js');
  return startMetrics(metrics, runtime);
}

function assemble(
  { path = 'socket', gatewayPath = '' }: SocketModulePaths,
  imports: NonNullable<DynamicModule['imports']>,
  options: Provider,
): DynamicModule {
  return {
    module: SocketModule,
    imports: [...imports, DiscoveryModule],
    controllers: [createSocketController(path)],
    providers: [
      options,
      {
        provide: SocketRuntime,
        inject: [SOCKET_OPTIONS, { token: PROVIDER_OVERRIDE, optional: true }],
        useFactory: (socketOptions: SocketModuleOptions, override?: string) =>
          startRuntime(socketOptions, gatewayPath, override),
      },
      {
        provide: SocketLifecycle,
        inject: [SocketRuntime, HttpAdapterHost, ApplicationConfig],
        useFactory: (runtime: SocketRuntime, host: HttpAdapterHost, application: ApplicationConfig) =>
          new SocketLifecycle(runtime, host, application, path),
      },
      {
        provide: RELAY_METRICS,
        inject: [SOCKET_OPTIONS, SocketRuntime],
        useFactory: loadMetrics,
      },
      { provide: SOCKET_CLIENT, inject: [SocketRuntime], useFactory: ({ client }: SocketRuntime) => client },
      ChannelAuthorization,
      SocketService,
      SocketHealthIndicator,
    ],
    exports: [SocketService, SocketHealthIndicator, SOCKET_CLIENT, ChannelAuthorization, SocketRuntime],
  };
}
