import { QueueLink } from '../../../src/delivery/queue/queue-link.js';
import { systemClock } from '../../../src/ports/clock.js';
import { redisAddress } from '../../../src/settings/redis-address.js';
import { eventually } from '../../support/cluster/waiting.js';
import { startRedis } from '../../support/redis.js';
import { onTeardown } from '../../support/teardown.js';

/** The errors of commands that no answer came for, each as late as it likes. */
const UNANSWERED = new Error('Command timed out');

test.each(['connecting', 'connect', 'ready', 'close', 'reconnecting'])(
  'a command whose answer is missed when the connection is at "%s" does not keep it from coming back',
  async (state) => {
    const redis = await startRedis();
    const address = redisAddress(redis.url);
    if (address === undefined) throw new Error(redis.url);
    const link = new QueueLink(
      { ...address, options: {} },
      'queue',
      systemClock,
      () => Promise.resolve(),
      () => undefined,
    );
    onTeardown(() => link.close());
    await link.use(() => link.client.ping());
    let noticed = 0;
    link.client.on(state, () => {
      noticed++;
      if (noticed <= 3) link.noticed(UNANSWERED);
    });
    link.noticed(UNANSWERED);
    await eventually(10_000, () => {
      expect(noticed).toBeGreaterThan(0);
    });
    await eventually(10_000, async () => {
      expect(await link.use(() => link.client.ping())).toBe('PONG');
    });
  },
);
