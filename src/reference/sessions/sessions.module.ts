import { Global, type DynamicModule, Module } from '@nestjs/common';
import { SESSION_SECRET, Sessions } from './sessions.js';

/** Who is signed in. It is global, because everything asks. */
@Global()
@Module({})
export class SessionsModule {
  /** @param secret what every node shares and nobody else knows */
  static forRoot(secret: string): DynamicModule {
    return {
      module: SessionsModule,
      providers: [{ provide: SESSION_SECRET, useValue: secret }, Sessions],
      exports: [Sessions],
    };
  }
}
