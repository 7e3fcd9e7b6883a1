import { type DynamicModule, Global, Module, type Provider } from '@nestjs/common';
import { ApplicationConfig, DiscoveryModule, HttpAdapterHost } from '@nestjs/core';
import { SOCKET_CLIENT } from '../../ports/socket-client.js';
import { ChannelAuthorization } from './authorization/channel-authorization.js';
import { RELAY_METRICS, type RelayMetrics } from '../../relays/relay-log.js';
import {
  PROVIDER_OVERRIDE,
  SOCKET_OPTIONS,
  type SocketModuleAsyncOptions,
  type SocketModuleOptions,
  type SocketModulePaths,
} from './socket-options.js';
import { SocketRuntime } from './socket-runtime.js';
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

/** Loads nothing where nobody wants to know. */
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
        inject: [
          SOCKET_OPTIONS,
          HttpAdapterHost,
          ApplicationConfig,
          { token: PROVIDER_OVERRIDE, optional: true },
        ],
        useFactory: (
          socketOptions: SocketModuleOptions,
          host: HttpAdapterHost,
          application: ApplicationConfig,
          override?: 'memory',
        ) => SocketRuntime.create(socketOptions, { path, gatewayPath }, host, application, override),
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
