import { ChaosProxy } from '../../support/chaos-proxy.js';
import { BareNode } from '../../support/cluster/bare-node.js';
import { eventually, SETTLED_MS } from '../../support/cluster/waiting.js';
import { startRedis } from '../../support/redis.js';

const GRACE_MS = 1_000;

/** Two nodes on one Redis, the first over a way that can be closed. */
async function start() {
  const redis = await startRedis();
  const proxy = await ChaosProxy.before(redis.port);
  const settings = { SOCKET_PRESENCE_GRACE_MS: String(GRACE_MS) };
  const a = await BareNode.start(`redis://127.0.0.1:${proxy.port}`, settings);
  const b = await BareNode.start(redis.url, settings);
  const client = redis.client();
  /** Loses Redis while this grace period runs, and finds it again when it is over. */
  const missTheEndOf = async (channel: string, field: 'due' | 'vacates') => {
    await eventually(SETTLED_MS, async () => {
      expect(await client.hexists(`switchboard:{${channel}}`, field)).toBe(1);
    });
    const end = Number(await client.hget(`switchboard:{${channel}}`, field));
    proxy.refuse();
    proxy.cut();
    await eventually(SETTLED_MS, async () => {
      const [seconds] = await client.time();
      expect(Number(seconds) * 1_000).toBeGreaterThan(end + 500);
    });
    proxy.refuse(false);
  };
  return { a, b, missTheEndOf };
}

test('a member whose grace period ends while the node cannot reach Redis is told gone when it can again', async () => {
  const { a, b, missTheEndOf } = await start();
  await b.join('presence-room', 1, 'bob');
  await a.join('presence-room', 1, 'ada');
  a.leave('presence-room', 0, 'ada', false);
  await missTheEndOf('presence-room', 'due');
  await eventually(SETTLED_MS, () => {
    expect(b.members('presence-room')).toEqual(['bob']);
    expect(a.told.filter((entry) => entry === 'event member_removed')).toHaveLength(1);
  });
}, 180_000);

test('a channel whose last subscriber was gone for that long is vacated then', async () => {
  const { a, b, missTheEndOf } = await start();
  await a.join('private-notes', 1);
  a.leave('private-notes', 0, undefined, false);
  await missTheEndOf('private-notes', 'vacates');
  await eventually(SETTLED_MS, () => {
    expect([...a.told, ...b.told].filter((entry) => entry === 'event channel_vacated')).toHaveLength(1);
  });
}, 180_000);
