// The module of an application of its own process: a node of a cluster, whose relays go by way of the queue, in one Redis.
import { Module } from '@nestjs/common';
import { SocketModule } from 'nestjs-switchboard';

/** Makes it, with providers of the test's own. */
export function appOnRedis(redisUrl, providers) {
  // eslint-disable-next-line @typescript-eslint/no-extraneous-class -- a module in Nest is a class
  class App {}
  Module({
    imports: [
      SocketModule.forRoot({
        env: {},
        provider: 'ws',
        cluster: 'redis',
        delivery: { mode: 'queue' },
        redis: { url: String(redisUrl), prefix: 'test' },
        identify: () => null,
      }),
    ],
    providers,
  })(App);
  return App;
}
