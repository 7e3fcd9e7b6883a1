import { type DynamicModule, Module, StandardSchemaValidationPipe } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { type Environment, SocketModule } from 'nestjs-switchboard';
import { Registry } from 'prom-client';
import { HealthModule } from './health/health.module.js';
import { MetricsModule } from './health/metrics.module.js';
import { MembersModule } from './members/members.module.js';
import { PageModule } from './page/page.module.js';
import { Sessions } from './sessions/sessions.js';
import { SessionsModule } from './sessions/sessions.module.js';

/** The reference backend: members, the live page, and realtime events by the provider that the environment names. */
@Module({})
export class AppModule {
  /** @param env the variables of the configuration */
  static forRoot(env: Environment): DynamicModule {
    return {
      module: AppModule,
      imports: [
        // Without SOCKET_APP_SECRET this is development: production requires one. A public secret will do there.
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
