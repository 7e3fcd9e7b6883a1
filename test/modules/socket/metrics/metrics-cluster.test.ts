import { SocketService } from 'nestjs-switchboard';
import { logged, startHost } from '../../../support/hosts.js';
import { startRedis } from '../../../support/redis.js';
import { Scrape } from './support.js';

const WS = '{provider="ws"}';

test('a node tells whether it reaches the others, and what did not get there', async () => {
  logged('warn');
  logged('error');
  const redis = await startRedis();
  const scrape = new Scrape();
  const env = { SOCKET_CLUSTER: 'redis', SOCKET_REDIS_URL: redis.url };
  const { app } = await startHost({ provider: 'ws', metrics: scrape.registry, env });
  await scrape.until(`switchboard_cluster_unreachable${WS}`, 0);
  expect(await scrape.value(`switchboard_cluster_undelivered_total${WS}`)).toBe(0);
  expect(await scrape.value(`switchboard_cluster_malformed_total${WS}`)).toBe(0);
  await redis.stop();
  await scrape.until(`switchboard_cluster_unreachable${WS}`, 1);
  const { status } = await app.get(SocketService).broadcast('ANNOUNCED', { message: 'x' });
  expect(status).toBe('failed');
  expect(await scrape.value(`switchboard_cluster_undelivered_total${WS}`)).toBe(1);
}, 30_000);
