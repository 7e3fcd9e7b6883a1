import { connect } from 'nestjs-switchboard/browser';
import { startTwo } from '../../e2e/two-providers/support.js';
import { logged } from '../../support/hosts.js';
import { Pusher } from '../../support/pusher-browser.js';
import { onTeardown } from '../../support/teardown.js';
import { Heard } from './heard.js';

test('a page that is moved to the other provider and back hears everything once, and in order', async () => {
  logged('warn');
  const { backend, service, api, inForce } = await startTwo({
    provider: ['pusher', 'ws'],
    second: { recheckS: 1 },
    delivery: { breakerFailures: 2 },
    history: { channels: ['members', 'broadcast'] },
    env: { PUSHER_ENVELOPE: 'true' },
  });
  const socket = await connect(Pusher, { url: backend.url, headers: { 'x-member': 'ada' } });
  onTeardown(() => {
    socket.disconnect();
  });
  const [mine, all, gaps] = [new Heard(), new Heard(), new Heard()];
  socket.onGap(gaps.hear);
  socket.onMember('TEST_TICKED', mine.hear);
  socket.onBroadcast('TEST_TICKED', all.hear);
  const tick = async (n: number) => {
    await service.relayToMember('ada', 'TEST_TICKED', { n } as never);
    await service.broadcast('TEST_TICKED', { n } as never);
  };
  const moved = (provider: string) =>
    new Promise<void>((resolve) => {
      socket.pusher.connection.bind('message', ({ event }: { event: string }) => {
        if (event === 'pusher:signin_success' && socket.provider === provider) resolve();
      });
    });
  await tick(1);
  for (const heard of [mine, all]) expect(await heard.until(1)).toEqual([{ n: 1 }]);
  const isAway = moved('ws');
  api.cut();
  await tick(2);
  await isAway;
  await tick(3);
  await Promise.all([mine.until(3), all.until(3)]);
  const isBack = moved('pusher');
  api.mend();
  for (let n = 4; (await inForce()) !== 'pusher'; n++) await tick(n);
  await tick(1_000_000);
  await isBack;
  await tick(2_000_000);
  const isLast = async (heard: Heard) => {
    for (let count = 3; ; count++) {
      const items = (await heard.until(count)) as { n: number }[];
      if (items[items.length - 1]?.n === 2_000_000) return items.map(({ n }) => n);
    }
  };
  for (const heard of [mine, all]) {
    const numbers = await isLast(heard);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(numbers.slice(0, 3)).toEqual([1, 2, 3]);
    expect(numbers.slice(-2)).toEqual([1_000_000, 2_000_000]);
  }
  expect(gaps.all).toEqual([]);
}, 40_000);
