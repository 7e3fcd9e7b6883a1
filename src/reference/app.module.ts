import { type DynamicModule, Module, StandardSchemaValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { type Environment, SocketModule } from 'nestjs-switchboard';
import { Registry } from 'prom-client';
import { HealthModule } from './health/health.module.js';
import { MetricsModule } from './health/metrics.module.js';
import { MembersModule } from './members/members.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { Sessions } from './sessions/sessions.js';
import { PageModule } from './page/page.module.js';

/** The reference backend: members, the live page, and realtime by whichever provider the environment names. */
@Module({})
export class AppModule {
  static forRoot(env: Environment): DynamicModule {
    return {
      module: AppModule,
      imports: [
        // Without a secret of its own it runs in development, where every secret is public.
        SessionsModule.forRoot(env['SOCKET_APP_SECRET'] ?? 'development'),
        SocketModule.forRootAsync({
          imports: [MetricsModule],
          inject: [Sessions, Registry],
          useFactory: (sessions: Sessions, metrics: Registry) => ({
            env,
            metrics,
            identify: (request) => sessions.identify(request),
          }),
        }),
        MembersModule,
        PageModule,
        HealthModule,
      ],
      providers: [{ provide: APP_PIPE, useClass: StandardSchemaValidationPipe }],
    };
  }
}
