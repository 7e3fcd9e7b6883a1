import { RedisKeys } from '../../../src/cluster/redis/connection/redis-keys.js';
import { RedisLink } from '../../../src/cluster/redis/connection/redis-link.js';
import { RestoredNodes } from '../../../src/cluster/redis/restored-nodes.js';
import { systemClock } from '../../../src/ports/clock.js';
import { redisAddress } from '../../../src/settings/redis-address.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { onTeardown } from '../../support/teardown.js';

const nothing = () => undefined;
const logger = { log: nothing, warn: nothing, error: nothing };
const events = { message: nothing, up: nothing, changed: nothing, down: nothing };
const keys = new RedisKeys('test');

/** A node on a Redis that may have lost data, and the others that were alive before. */
async function nodeOn(
  redis: RedisServer,
  node: string,
  others: readonly string[],
  /** Those of whom the node hears when it next renews its lease. */
  newcomers: readonly string[] = [],
): Promise<RestoredNodes> {
  const address = redisAddress(redis.url);
  if (address === undefined) throw new Error('Its URL is an address');
  const link = new RedisLink(address, systemClock, logger, events);
  onTeardown(() => {
    link.close();
  });
  link.open();
  await link.tried();
  const leases = {
    node,
    others,
    renew: () => {
      leases.others = [...others, ...newcomers];
      return Promise.resolve();
    },
  };
  const nodes = new RestoredNodes(link, keys, leases);
  nodes.await(true);
  return nodes;
}

test('all nodes are back when each of those that were alive has reported everything', async () => {
  const redis = await startRedis();
  const ada = await nodeOn(redis, 'ada', ['bob']);
  const bob = await nodeOn(redis, 'bob', ['ada']);
  expect(await ada.areAll()).toBe(false);
  await ada.restored(() => true);
  expect(await ada.areAll()).toBe(false);
  let isDone = false;
  await bob.restored(() => isDone);
  expect([await ada.areAll(), await bob.areAll()]).toEqual([false, false]);
  isDone = true;
  expect([await bob.areAll(), await ada.areAll()]).toEqual([true, true]);
});

test('a node that started since the last renewal of a lease is waited for too', async () => {
  const redis = await startRedis();
  const ada = await nodeOn(redis, 'ada', [], ['bob']);
  const bob = await nodeOn(redis, 'bob', ['ada']);
  await ada.restored(() => true);
  expect(await ada.areAll()).toBe(false);
  await bob.restored(() => true);
  expect(await ada.areAll()).toBe(true);
});

test('a node that reported to a server of before is not back', async () => {
  const redis = await startRedis();
  const bob = await nodeOn(redis, 'bob', []);
  await bob.restored(() => true);
  const admin = redis.client();
  await admin.save();
  admin.disconnect();
  await redis.restart();
  const ada = await nodeOn(redis, 'ada', ['bob']);
  await ada.restored(() => true);
  expect(await ada.areAll()).toBe(false);
  const again = await nodeOn(redis, 'bob', ['ada']);
  await again.restored(() => true);
  expect([await ada.areAll(), await again.areAll()]).toEqual([true, true]);
});

test('after a further loss everything has to be reported once more, by the nodes that were alive at first', async () => {
  const redis = await startRedis();
  const ada = await nodeOn(redis, 'ada', ['bob']);
  const bob = await nodeOn(redis, 'bob', []);
  await bob.restored(() => true);
  await ada.restored(() => true);
  expect(await ada.areAll()).toBe(true);
  ada.await(false);
  expect(await ada.areAll()).toBe(false);
  const admin = redis.client();
  await admin.flushall();
  admin.disconnect();
  await ada.restored(() => true);
  expect(await ada.areAll()).toBe(false);
});
