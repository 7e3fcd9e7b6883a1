import { type DynamicModule, Global, Module } from '@nestjs/common';
import { SESSION_SECRET, Sessions } from './sessions.js';

/** The sessions of signed-in members. It is global, because several modules identify a caller. */
@Global()
@Module({})
export class SessionsModule {
  /** @param secret the secret that signs the tokens: the same on every node, and known only there */
  static forRoot(secret: string): DynamicModule {
    return {
      module: SessionsModule,
      providers: [{ provide: SESSION_SECRET, useValue: secret }, Sessions],
      exports: [Sessions],
    };
  }
}
