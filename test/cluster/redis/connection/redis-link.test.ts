import { RedisLink } from '../../../../src/cluster/redis/connection/redis-link.js';
import { systemClock } from '../../../../src/ports/clock.js';
import { redisAddress } from '../../../../src/settings/redis-address.js';
import { startRedis } from '../../../support/redis.js';
import { onTeardown } from '../../../support/teardown.js';

const nothing = () => undefined;

test('there is no room while much waits for answers, and there is again once Redis has given them', async () => {
  const redis = await startRedis();
  const address = redisAddress(redis.url);
  if (address === undefined) throw new Error('Its URL is an address');
  const logger = { log: nothing, warn: nothing, error: nothing };
  const events = { message: nothing, up: nothing, changed: nothing, down: nothing };
  const link = new RedisLink(address, systemClock, logger, events);
  onTeardown(() => {
    link.close();
  });
  link.open();
  await link.tried();
  expect(link.room()).toBeUndefined();
  redis.pause();
  const asked = link.use(({ client }) => client.ping(), 20_000_000);
  const room = link.room();
  expect(room).toBeInstanceOf(Promise);
  redis.resume();
  await asked;
  await room;
  expect(link.room()).toBeUndefined();
});
