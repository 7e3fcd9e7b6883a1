import { jest } from '@jest/globals';
import { SocketService } from 'nestjs-switchboard';
import { ChaosProxy } from '../support/chaos-proxy.js';
import { Member } from '../support/cluster/member.js';
import { eventually } from '../support/cluster/waiting.js';
import { Host } from '../support/host.js';
import { logged } from '../support/hosts.js';
import { show } from './support/figures.js';
import { applicationAt, everyFault, FailingProvider, TIMEOUT_MS } from './support/provider.js';
import { STEADY, Steady } from './support/steady.js';

jest.setTimeout(120_000);

/** How many calls are made while a fault lasts. */
const MEANWHILE = 400;

beforeEach(() => {
  for (const level of ['log', 'warn', 'error'] as const) logged(level);
});

describe('A provider that answers', () => {
  test.each([
    ['every second request with 500', 500, '', 2],
    ['500', 500, '', 1],
    ['500 and nonsense', 500, '{"ok":tru', 1],
    ['429, every third request, without saying for how long', 429, 'slow down', 3],
  ])('%s gets everything in order, once', async (what, status, body, every) => {
    const provider = await FailingProvider.start();
    let requests = 0;
    provider.fate = () => (++requests % every === 0 ? { status, body } : undefined);
    await provider.traffic.goesOn(MEANWHILE);
    provider.heals();
    const figures = await provider.settle();
    expect(figures.duplicated).toBe(0);
    expect(figures.retried).toBeGreaterThan(0);
    show(`provider: ${what}`, figures);
  });

  test('429 with a Retry-After is left alone for so long, by every member, and gets everything in order then', async () => {
    const provider = await FailingProvider.start();
    let limitedAt: number | undefined;
    let early = 0;
    provider.fate = () => {
      limitedAt ??= performance.now();
      const ms = performance.now() - limitedAt;
      // The requests that are under way already come all the same, and the first to try it comes after two seconds.
      if (ms > 500 && ms < 1_900) early++;
      return { status: 429, headers: { 'retry-after': '2' } };
    };
    await eventually(10_000, () => {
      expect(limitedAt).toBeDefined();
    });
    await eventually(10_000, () => {
      expect(performance.now() - (limitedAt ?? Infinity)).toBeGreaterThan(1_800);
    });
    expect(early).toBe(0);
    provider.heals();
    const figures = await provider.settle();
    expect(figures.duplicated).toBe(0);
    show('provider: 429 with Retry-After: 2', figures);
  });

  test('nonsense with 200 has taken it: it is sent once, and questions are answered with nothing', async () => {
    const provider = await FailingProvider.start();
    provider.fate = () => ({ body: '{"ok":tru' });
    await provider.traffic.goesOn(MEANWHILE);
    expect(await provider.service.onlineMembers(['member-0'])).toBeUndefined();
    expect(await provider.service.health()).toMatchObject({ status: 'down' });
    provider.heals();
    const figures = await provider.settle();
    expect(figures).toMatchObject({ duplicated: 0, queued: 0, retried: 0 });
    show('provider: 200 and nonsense', figures);
  });

  test('byte by byte, and in time, is waited for', async () => {
    const provider = await FailingProvider.start();
    provider.proxy.trickle(32, 1, 'down');
    await provider.traffic.goesOn(MEANWHILE);
    provider.proxy.trickle(undefined);
    provider.heals();
    show('provider: answers byte by byte, in time', await provider.settle());
  });

  test('byte by byte, too slowly, is not waited for: what it has taken is sent again', async () => {
    const provider = await FailingProvider.start();
    provider.proxy.trickle(1, 100, 'down');
    await provider.traffic.goesOn(MEANWHILE);
    provider.proxy.trickle(undefined);
    provider.proxy.cut();
    provider.heals();
    const figures = await provider.settle();
    expect(figures.queued).toBeGreaterThan(0);
    expect(figures.duplicated).toBeGreaterThan(0);
    show('provider: answers byte by byte, too slowly', figures);
  });
});

describe('On a way to the provider', () => {
  test('that is slow, everything arrives once and in order', async () => {
    const provider = await FailingProvider.start();
    provider.proxy.delay(50, 100);
    await provider.traffic.goesOn(MEANWHILE);
    provider.proxy.delay(0);
    provider.heals();
    show('provider: latency of 100 to 300 ms', await provider.settle());
  });

  test('that refuses connections, everything waits, and arrives once and in order', async () => {
    const provider = await FailingProvider.start();
    provider.proxy.refuse();
    provider.proxy.cut();
    await provider.traffic.goesOn(MEANWHILE);
    provider.proxy.refuse(false);
    provider.heals();
    const figures = await provider.settle();
    expect(figures.queued).toBeGreaterThan(0);
    show('provider: connections refused', figures);
  });

  test('that breaks in the middle of requests, nothing of half a request is published', async () => {
    const provider = await FailingProvider.start();
    for (let round = 0; round < 4; round++) {
      provider.proxy.tearAfter(100, 'up');
      await provider.traffic.goesOn(MEANWHILE / 4);
    }
    provider.heals();
    const figures = await provider.settle();
    expect(provider.proxy.torn).toBeGreaterThan(0);
    expect(figures.retried).toBeGreaterThan(0);
    expect(figures.duplicated).toBe(0);
    show('provider: reset within requests', { torn: provider.proxy.torn, ...figures });
  });

  test('that breaks in the middle of answers, what was taken is sent again, and nothing else', async () => {
    const provider = await FailingProvider.start();
    for (let round = 0; round < 4; round++) {
      provider.proxy.tearAfter(20, 'down');
      await provider.traffic.goesOn(MEANWHILE / 4);
    }
    provider.heals();
    const figures = await provider.settle();
    expect(provider.proxy.torn).toBeGreaterThan(0);
    expect(figures.duplicated).toBeGreaterThan(0);
    // A batch has ten events at most, and each connection that broke had one request under way.
    expect(figures.duplicated).toBeLessThanOrEqual(10 * provider.proxy.torn);
    show('provider: reset within answers', { torn: provider.proxy.torn, ...figures });
  });

  test('that is a black hole, no call hangs, and what came out of the hole late is the most that is doubled', async () => {
    const provider = await FailingProvider.start();
    const before = provider.api.received.length;
    provider.proxy.swallow();
    await provider.traffic.goesOn(2 * MEANWHILE);
    expect(provider.api.received).toHaveLength(before);
    provider.proxy.release();
    provider.heals();
    const figures = await provider.settle();
    expect(figures.queued).toBeGreaterThan(0);
    show('provider: black hole', { timeoutMs: TIMEOUT_MS, ...figures });
  });
});

test("this package's own gateway over a bad network: its members hear everything, in order, through all of it", async () => {
  const host = await Host.start({ httpApi: { enabled: true } });
  const proxy = await ChaosProxy.before(host.port);
  const { service } = await applicationAt(proxy.port, host.app);
  const ids = Array.from({ length: 5 }, (_, index) => `member-${index}`);
  const members = await Promise.all(ids.map((id) => Member.on(host, id)));
  const relay = (member: string, n: number) => service.relayToMember(member, STEADY as never, { n } as never);
  const traffic = Steady.to(members, relay, 25);
  await traffic.isHeardByAll();
  await everyFault(proxy, traffic);
  await traffic.isHeardByAll();
  await traffic.stop();
  await eventually(30_000, () => {
    expect(service.relays.queued).toBe(0);
    expect(traffic.figures).toMatchObject({ failed: 0, lost: 0, cutOff: 0, outOfOrder: 0 });
  });
  expect(host.nest.get(SocketService).provider).toBe('ws');
  show('provider: this gateway, over all of that', { ...traffic.figures, retried: service.relays.retried });
});
