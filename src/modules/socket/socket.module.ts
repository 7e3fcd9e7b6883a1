import { type DynamicModule, Global, Module, type Provider } from '@nestjs/common';
import { ApplicationConfig, DiscoveryModule, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { checkFunction, checkNames, checkObject, checkText } from '../../ports/arguments.js';
import { SOCKET_CLIENT } from '../../ports/socket-client.js';
import { SocketRuntime } from '../../runtime/socket-runtime.js';
import { Callers } from './authorization/callers.js';
import { ChannelAuthorization } from './authorization/channel-authorization.js';
import { SocketEndpoints } from './endpoints/socket-endpoints.js';
import { MessageHandlers } from './handlers/message-handlers.js';
import { MODULE_ORIGIN, type ModuleOrigin, originOf, requireOnlyModule } from './only-module.js';
import { SocketService } from './socket.service.js';
import { SocketHealthIndicator } from './socket-health.indicator.js';
import { SocketLifecycle } from './socket-lifecycle.js';
import {
  MODULE_METRICS,
  PROVIDER_OVERRIDE,
  SOCKET_OPTIONS,
  type SocketModuleAsyncOptions,
  type SocketModuleOptions,
  type SocketModulePaths,
} from './socket-options.js';
import { SocketStart } from './socket-start.js';
import { loadMetrics, startSocketRuntime } from './start-socket-runtime.js';

/**
 * Connects Nest with the realtime provider that the configuration names. One import is enough:
 *
 * ```ts
 * @Module({ imports: [SocketModule.forRoot({ identify: (request) => memberOf(request) })] })
 * ```
 *
 * It is global, serves `/socket/config`, `/socket/auth`, `/socket/user-auth` and `/socket/history`, on `pusher` also
 * `/socket/webhook`, and releases everything on `app.close()`.
 *
 * An application has one. `forRoot()` without options is the same module wherever it is imported; any other second one stops
 * the start.
 *
 * The application's start fails with a `SocketConfigurationError` for a configuration that cannot work, and with a
 * `MissingPackageError` when an optional package is needed and not installed.
 */
@Global()
@Module({})
export class SocketModule {
  /**
   * With options that are known now.
   *
   * @param options win over the environment @default {}
   * @throws SocketUsageError `INVALID_ARGUMENT` for options that are no object
   */
  static forRoot(options: SocketModuleOptions & SocketModulePaths = {}): DynamicModule {
    checkObject('SocketModule.forRoot(options): options', options);
    const origin = originOf('SocketModule.forRoot()');
    const make = () => assemble(options, [], { provide: SOCKET_OPTIONS, useValue: options }, origin);
    if (Object.keys(options).length > 0) return make();
    // Nest takes one object for one module, in whichever modules it is imported.
    withoutOptions ??= make();
    return withoutOptions;
  }

  /**
   * With options that a factory makes from its injected dependencies.
   *
   * @throws SocketUsageError `INVALID_ARGUMENT` when there is no factory
   */
  static forRootAsync(options: SocketModuleAsyncOptions): DynamicModule {
    checkObject('SocketModule.forRootAsync(options): options', options, ' with a useFactory');
    const { imports = [], inject = [], useFactory } = options;
    checkFunction('SocketModule.forRootAsync(options): useFactory', useFactory, ' that makes the options');
    checkNames('SocketModule.forRootAsync(options): options', options, ASYNC_OPTIONS);
    const origin = originOf('SocketModule.forRootAsync()');
    return assemble(options, imports, { provide: SOCKET_OPTIONS, inject: [...inject], useFactory }, origin);
  }
}

const ASYNC_OPTIONS = Object.keys({
  imports: true,
  inject: true,
  useFactory: true,
  path: true,
  gatewayPath: true,
} satisfies Record<keyof SocketModuleAsyncOptions, true>);

let withoutOptions: DynamicModule | undefined;

function assemble(
  { path = 'socket', gatewayPath = '' }: SocketModulePaths,
  imports: NonNullable<DynamicModule['imports']>,
  options: Provider,
  origin: ModuleOrigin,
): DynamicModule {
  checkText('SocketModule: path', path, ' like "socket"');
  return {
    module: SocketModule,
    imports: [...imports, DiscoveryModule, SocketStart],
    providers: [
      options,
      { provide: MODULE_ORIGIN, useValue: origin },
      {
        provide: SocketRuntime,
        inject: [ModulesContainer, SOCKET_OPTIONS, { token: PROVIDER_OVERRIDE, optional: true }],
        useFactory: (modules: ModulesContainer, socketOptions: SocketModuleOptions, override?: string) => {
          requireOnlyModule(modules);
          return startSocketRuntime(socketOptions, { path, gatewayPath }, override);
        },
      },
      {
        provide: SocketLifecycle,
        inject: [
          SocketRuntime,
          Callers,
          HttpAdapterHost,
          ApplicationConfig,
          { token: PROVIDER_OVERRIDE, optional: true },
        ],
        useFactory: (
          runtime: SocketRuntime,
          callers: Callers,
          host: HttpAdapterHost,
          application: ApplicationConfig,
          override?: string,
        ) => new SocketLifecycle(runtime, callers, host, application, path, override !== undefined),
      },
      { provide: MODULE_METRICS, inject: [SOCKET_OPTIONS, SocketRuntime], useFactory: loadMetrics },
      { provide: SOCKET_CLIENT, inject: [SocketRuntime], useFactory: ({ client }: SocketRuntime) => client },
      ChannelAuthorization,
      MessageHandlers,
      {
        provide: Callers,
        inject: [SOCKET_OPTIONS, ChannelAuthorization],
        useFactory: (socketOptions: SocketModuleOptions, authorization: ChannelAuthorization) =>
          new Callers(socketOptions, authorization),
      },
      {
        provide: SocketEndpoints,
        inject: [SocketRuntime, Callers, HttpAdapterHost, ApplicationConfig],
        useFactory: (...parts: [SocketRuntime, Callers, HttpAdapterHost, ApplicationConfig]) =>
          new SocketEndpoints(...parts, path),
      },
      SocketService,
      SocketHealthIndicator,
    ],
    exports: [
      SocketService,
      SocketHealthIndicator,
      SOCKET_CLIENT,
      ChannelAuthorization,
      MessageHandlers,
      SocketRuntime,
      // For `@LivePosition`, in the modules of controllers.
      Callers,
      // For the last hook.
      SocketLifecycle,
    ],
  };
}
