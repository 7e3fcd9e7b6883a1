import { type DynamicModule, Global, Module } from '@nestjs/common';
import { ChannelAuthorization } from '../modules/socket/authorization/channel-authorization.js';
import { MessageHandlers } from '../modules/socket/handlers/message-handlers.js';
import { SocketModule } from '../modules/socket/socket.module.js';
import {
  PROVIDER_OVERRIDE,
  type SocketModuleOptions,
  type SocketModulePaths,
} from '../modules/socket/socket-options.js';
import { SocketRuntime } from '../runtime/socket-runtime.js';
import { SocketFake } from './socket-fake.js';

/**
 * Replaces the provider by the fake. Beside an application that imports `SocketModule`, the class itself is enough:
 *
 * ```ts
 * const module = await Test.createTestingModule({ imports: [AppModule, SocketTestingModule] }).compile();
 * const fake = module.get(SocketFake);
 * ```
 *
 * Everything else stays the application's own: its authorizers, its broadcast channel and its failure policy.
 */
@Global()
@Module({
  providers: [
    { provide: PROVIDER_OVERRIDE, useValue: 'memory' },
    {
      provide: SocketFake,
      inject: [SocketRuntime, ChannelAuthorization, MessageHandlers],
      useFactory: (...parts: [SocketRuntime, ChannelAuthorization, MessageHandlers]) =>
        new SocketFake(...parts),
    },
  ],
  exports: [PROVIDER_OVERRIDE, SocketFake],
})
export class SocketTestingModule {
  /** For a test of a single module, without the application that imports `SocketModule`. @param options @default {} */
  static forRoot(options: SocketModuleOptions & SocketModulePaths = {}): DynamicModule {
    return { module: SocketTestingModule, imports: [SocketModule.forRoot(options)] };
  }
}
