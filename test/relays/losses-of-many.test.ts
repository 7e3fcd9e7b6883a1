import { inspect } from 'node:util';
import { createSocketClient, type LostRelay, socketConfig, SocketDeliveryError } from 'nestjs-switchboard';
import { startRedis } from '../support/redis.js';
import { onTeardown } from '../support/teardown.js';

const MANY = 10_000;
const ids = Array.from({ length: MANY }, (_, number) => `member-${number}`);
const SECRET = 'between-us';

const PUSHER = {
  SOCKET_PROVIDER: 'pusher',
  PUSHER_CLUSTER: 'eu',
  SOCKET_APP_ID: '1',
  SOCKET_APP_KEY: 'key',
  SOCKET_APP_SECRET: 'secret',
};

/** Redis refuses, each time in a way of which its client keeps the command. */
const REFUSALS: [mode: string, settings: Record<string, string>, refusal: [string, ...string[]]][] = [
  [
    'a cluster',
    { SOCKET_PROVIDER: 'ws', SOCKET_CLUSTER: 'redis' },
    ['ACL', 'SETUSER', 'default', '-publish'],
  ],
  [
    'the queue',
    { ...PUSHER, SOCKET_DELIVERY: 'queue', SOCKET_QUEUE_CONCURRENCY: '0' },
    ['CONFIG', 'SET', 'maxmemory', '1'],
  ],
];

test.each(REFUSALS)(
  'a relay to ten thousand that %s loses: the error and the log name a few, and `lost` has them all',
  async (_, settings, refusal) => {
    const redis = await startRedis();
    const lines: string[] = [];
    const log = (...line: unknown[]) => void lines.push(inspect(line, { depth: null }));
    const lost: LostRelay[] = [];
    const config = socketConfig({ SOCKET_FAILURE: 'report', SOCKET_REDIS_URL: redis.url, ...settings });
    const client = await createSocketClient(
      config,
      { log, warn: log, error: log },
      { onRelayError: (one) => void lost.push(one) },
    );
    onTeardown(() => client.close());
    await client.relayToMember('ada', 'ANNOUNCED', { message: 'hello' });
    await redis.client().call(...refusal);
    lines.length = 0;

    const { status, error } = await client.relayToMembers(ids, 'ANNOUNCED', { message: SECRET });

    expect(status).toBe('failed');
    expect(error).toBeInstanceOf(SocketDeliveryError);
    expect(error?.lost).toEqual(ids);
    expect(lost[0]?.error.lost).toEqual(ids);
    const shown = [
      inspect(error, { depth: null, maxArrayLength: null }),
      JSON.stringify(error),
      lines.join('\n'),
    ];
    for (const text of shown) {
      expect(text.length).toBeLessThan(6_000);
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain('member-77');
    }
  },
);
