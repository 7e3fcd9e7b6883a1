import { A_WHILE, down, rejected, settled, unavailable } from '../support.js';
import { FAILURES, startFailover } from './support.js';

const TEN_MINUTES = 600_000;

describe('while the first provider works', () => {
  test('it decides, and a second one that this process serves is told as well', async () => {
    const { client, first, second } = startFailover();
    second.fate = down;
    await client.relayToMember('ada', 'A');
    await client.broadcast('B');
    await settled();
    expect(first.calls).toEqual(['A ada', 'B broadcast']);
    expect(second.calls).toEqual(first.calls);
    expect(client.inForce).toBe('pusher');
    expect(await client.health()).toEqual({
      status: 'up',
      connections: null,
      second: {
        provider: 'ws',
        role: 'failover',
        status: 'up',
        connections: null,
        missed: 2,
        breaker: 'closed',
      },
    });
  });

  test('a second one that is somewhere else is not, and is not asked who is online', async () => {
    const { client, first, second } = startFailover(true, false);
    second.online = ['ada'];
    await client.relayToMember('ada', 'A');
    expect(first.calls).toEqual(['A ada']);
    expect(second.calls).toEqual([]);
    expect(await client.onlineMembers(['ada'])).toEqual(new Set());
  });

  test('a call that fails is told as it failed, for whoever tries again, but for a pause that is not the second’s', async () => {
    const { client, first } = startFailover();
    first.fate = (to) => rejected(to);
    await expect(client.relayToMember('ada', 'A')).rejects.toMatchObject({ retryable: false, lost: ['ada'] });
    first.fate = (to) => unavailable(to, { retryAfterMs: 60_000 });
    const failure: unknown = await client.relayToMember('ada', 'B').catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
      retryableLost: ['ada'],
      provider: 'pusher',
    });
    expect(failure).toMatchObject({ retryAfterMs: undefined });
    // It wants to be left alone, which is as good as failing often.
    expect(client.inForce).toBe('ws');
  });
});

describe('once the first provider keeps failing', () => {
  test('the second is asked instead, and the first is left alone', async () => {
    const { client, first, second, open, log } = startFailover();
    await open();
    await client.relayToMember('ada', 'A');
    await client.relayToMembers([], 'NOBODY');
    expect(first.calls).toEqual([]);
    expect(second.calls).toEqual(['A ada', 'NOBODY ']);
    expect(client.inForce).toBe('ws');
    expect(log).toEqual(['The provider "pusher" keeps failing: "ws" takes over']);
  });

  test('what the second cannot take fails as that says', async () => {
    const { client, second, open } = startFailover();
    await open();
    second.fate = (to) => unavailable(to, { provider: 'ws' });
    await expect(client.relayToMember('ada', 'A')).rejects.toMatchObject({ provider: 'ws', lost: ['ada'] });
  });

  test('one relay at a time finds out whether it is back, and is waited for by nobody', async () => {
    const { client, first, second, open, advance } = startFailover();
    await open();
    let answer: () => void = () => undefined;
    first.gate = new Promise<void>((resolve) => (answer = resolve));
    await advance(A_WHILE);
    await client.relayToMember('ada', 'PROBE');
    await client.relayToMember('ada', 'NEXT');
    expect(first.calls).toEqual(['PROBE ada']);
    expect(second.calls).toEqual(['PROBE ada', 'NEXT ada']);
    expect(await client.health()).toMatchObject({ second: { breaker: 'half-open' } });
    answer();
    await settled();
    expect(client.inForce).toBe('pusher');
    await client.relayToMember('ada', 'BACK');
    expect(first.calls).toEqual(['PROBE ada', 'BACK ada']);
  });

  test('a probe that fails is nobody’s failure, and the next one comes later', async () => {
    const { client, first, open, advance } = startFailover();
    await open();
    first.fate = down;
    await advance(A_WHILE);
    await client.relayToMember('ada', 'PROBE');
    await settled();
    await client.relayToMember('ada', 'NEXT');
    expect(first.calls).toEqual(['PROBE ada']);
    expect(client.inForce).toBe('ws');
    await advance(A_WHILE);
    await client.relayToMember('ada', 'SECOND_PROBE');
    expect(first.calls).toEqual(['PROBE ada', 'SECOND_PROBE ada']);
  });

  test('a relay to nobody finds nothing out', async () => {
    const { client, first, open, advance } = startFailover();
    await open();
    await advance(A_WHILE);
    await client.relayToMembers([], 'NOBODY');
    await settled();
    expect(first.calls).toEqual([]);
    expect(client.inForce).toBe('ws');
  });

  test('a first one that this process serves is still told: its clients are there', async () => {
    const { client, first, second, open } = startFailover(true, false);
    await open();
    first.fate = down;
    first.online = ['ada'];
    second.online = ['alan'];
    await client.relayToMember('ada', 'A');
    expect(first.calls).toEqual(['A ada']);
    expect(second.calls).toEqual(['A ada']);
    expect(await client.onlineMembers(['ada', 'alan'])).toEqual(new Set(['ada', 'alan']));
  });

  test('health is degraded as long as the second is up, and down when neither is or this process goes', async () => {
    const { client, first, second, open } = startFailover();
    await open();
    expect(await client.health()).toMatchObject({ status: 'degraded', reason: '"ws" has taken over' });
    first.state = { status: 'down', connections: null, reason: 'HTTP 503' };
    second.state = { status: 'up', connections: 3 };
    expect(await client.health()).toMatchObject({
      status: 'degraded',
      connections: 3,
      reason: '"pusher" fails (HTTP 503), and "ws" has taken over',
    });
    second.state = { status: 'down', connections: 0, reason: 'closed' };
    expect(await client.health()).toMatchObject({ status: 'down', reason: 'HTTP 503' });
    second.state = { status: 'down', connections: 1, reason: 'draining' };
    expect(await client.health()).toMatchObject({ status: 'down', reason: 'draining' });
  });
});

describe('after the first provider came back', () => {
  test('a second one that is somewhere else is told for ten minutes more', async () => {
    const { client, first, second, open, advance } = startFailover(false, false);
    await open();
    await advance(A_WHILE);
    await client.relayToMember('ada', 'PROBE');
    await settled();
    expect(client.inForce).toBe('pusher');
    await advance(TEN_MINUTES - 1);
    second.online = ['ada'];
    await client.relayToMember('ada', 'BOTH');
    expect(await client.onlineMembers(['ada'])).toEqual(new Set(['ada']));
    await advance(1);
    await client.relayToMember('ada', 'ONE');
    expect(await client.onlineMembers(['ada'])).toEqual(new Set());
    expect(first.calls).toEqual(['PROBE ada', 'BOTH ada', 'ONE ada']);
    expect(second.calls).toEqual(['PROBE ada', 'BOTH ada']);
  });

  test('those who were disconnected meanwhile are so there, too, before anything else', async () => {
    const { client, first, second, open, advance } = startFailover();
    await open();
    await client.disconnectMember('ada');
    await client.disconnectMember('alan');
    await client.disconnectMember('ada');
    expect(first.calls).toEqual([]);
    expect(second.calls).toEqual(['- ada', '- alan', '- ada']);
    await advance(A_WHILE);
    await client.broadcast('PROBE');
    await settled();
    await client.relayToMember('ada', 'NEXT');
    expect(first.calls).toEqual(['PROBE broadcast', '- alan', '- ada', 'NEXT ada']);
  });

  test('a disconnect that finds out that it is back is not made twice', async () => {
    const { client, first, open, advance } = startFailover();
    await open();
    await advance(A_WHILE);
    await client.disconnectMember('ada');
    await settled();
    await client.broadcast('NEXT');
    expect(first.calls).toEqual(['- ada', 'NEXT broadcast']);
  });
});

describe('a call that is made again', () => {
  test('comes to the second once, however often the first is tried, and also when the second takes over', async () => {
    const { first, second, retrying, advance } = startFailover();
    const { send } = retrying();
    first.fate = down;
    await send('A', 'ada');
    await send('B', 'ada');
    for (let n = 0; n < 20; n++) await advance(1_000);
    expect(second.calls.filter((call) => call.endsWith(' ada'))).toEqual(['A ada', 'B ada']);
    expect(first.calls.filter((call) => call === 'A ada').length).toBeGreaterThan(1);
  });
});

describe('the order for a member, across a switch', () => {
  test('is kept by going after what is still under way at the first', async () => {
    const { client, first, second, open } = startFailover();
    let answer: () => void = () => undefined;
    first.gate = new Promise<void>((resolve) => (answer = resolve));
    const before = client.relayToMember('ada', 'BEFORE');
    first.gate = undefined;
    const { calls } = first;
    await open();
    expect(calls).toEqual([]);
    first.fate = down;
    // The first one fails it along with what is in front of it; to others it went already.
    const missed = { lost: ['ada'], retryableLost: ['ada'] };
    const after = expect(client.relayToMembers(['ada', 'alan'], 'AFTER')).rejects.toMatchObject(missed);
    // What is for a channel of that name is something else.
    await client.relayToChannel('ada', 'CHANNEL');
    await after;
    expect(first.calls).toEqual(['AFTER ada']);
    expect(second.calls).toEqual(['AFTER ada', 'AFTER alan', 'CHANNEL ada']);
    answer();
    await before;
    await client.relayToMember('ada', 'LATER');
    expect(first.calls).toEqual(['AFTER ada']);
    expect(second.calls.at(-1)).toBe('LATER ada');
  });

  test('is kept together with what tries again: everything arrives, and nothing is overtaken', async () => {
    const { first, second, client, advance, retrying } = startFailover(false, false);
    const { send, told } = retrying();
    first.fate = down;
    const statuses: string[] = [];
    for (let n = 0; n < 2 * FAILURES; n++)
      statuses.push(await send(`E${n}`, 'ada'), await send(`F${n}`, `m${n}`));
    expect(client.inForce).toBe('ws');
    for (let wait = 0; wait < 50; wait++) await advance(100);
    expect(told.filter((line) => line.endsWith('lost'))).toEqual([]);
    const toAda = second.calls.filter((call) => call.endsWith(' ada'));
    expect(toAda).toEqual(Array.from({ length: 2 * FAILURES }, (_, n) => `E${n} ada`));
    for (let n = 0; n < 2 * FAILURES; n++) expect(second.calls).toContain(`F${n} m${n}`);
    expect(new Set(statuses)).toEqual(new Set(['queued', 'sent']));
  });

  test('where both fail a part of one call, everybody missed is named once', async () => {
    const { client, first, second, open } = startFailover();
    let answer: () => void = () => undefined;
    first.gate = new Promise<void>((resolve) => (answer = resolve));
    const before = client.relayToMember('ada', 'BEFORE');
    first.gate = undefined;
    await open();
    first.fate = down;
    second.fate = (to) => rejected(to, { provider: 'ws' });
    await expect(client.relayToMembers(['ada', 'alan'], 'A')).rejects.toMatchObject({
      code: 'PROVIDER_REJECTED',
      lost: ['ada', 'alan'],
      retryableLost: ['ada'],
      message: 'no answer; refused',
    });
    answer();
    await before;
  });
});
