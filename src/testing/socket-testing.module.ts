import { type DynamicModule, Global, Module } from '@nestjs/common';
import { ChannelAuthorization } from '../modules/socket/authorization/channel-authorization.js';
import {
  PROVIDER_OVERRIDE,
  type SocketModuleOptions,
  type SocketModulePaths,
} from '../modules/socket/socket-options.js';
import { SocketRuntime } from '../runtime/socket-runtime.js';
import { SocketModule } from '../modules/socket/socket.module.js';
import { SocketFake } from './socket-fake.js';

/**
 * Replaces the provider by the fake. Beside an application that imports `SocketModule` already, the class is enough:
 *
 * ```ts
 * const module = await Test.createTestingModule({ imports: [AppModule, SocketTestingModule] }).compile();
 * const fake = module.get(SocketFake);
 * ```
 *
 * Everything else (authorizers, broadcast channel, failure policy) stays the application's own.
 */
@Global()
@Module({
  providers: [
    { provide: PROVIDER_OVERRIDE, useValue: 'memory' },
    {
      provide: SocketFake,
      inject: [SocketRuntime, ChannelAuthorization],
      useFactory: (runtime: SocketRuntime, authorization: ChannelAuthorization) =>
        new SocketFake(runtime, authorization),
    },
  ],
  exports: [PROVIDER_OVERRIDE, SocketFake],
})
export class SocketTestingModule {
  /** For a single module under test, whose application is not there to import `SocketModule`. */
  static forRoot(options: SocketModuleOptions & SocketModulePaths = {}): DynamicModule {
    return { module: SocketTestingModule, imports: [SocketModule.forRoot(options)] };
  }
}
