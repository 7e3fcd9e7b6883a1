import { A_WHILE, down, rejected, relayTo, settled, unavailable } from '../support.js';
import { FAILURES, startFailover } from './support.js';

const TEN_MINUTES = 600_000;

describe('while the primary provider works', () => {
  test('it decides, and a secondary that this process serves is told as well', async () => {
    const { client, primary, secondary } = startFailover();
    secondary.fate = down;
    await client.relayToMember('ada', 'A');
    await client.broadcast('B');
    await settled();
    expect(primary.calls).toEqual(['A ada', 'B broadcast']);
    expect(secondary.calls).toEqual(primary.calls);
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

  test('a secondary that is somewhere else is not, and is not asked who is online', async () => {
    const { client, primary, secondary } = startFailover(true, false);
    secondary.online = ['ada'];
    await client.relayToMember('ada', 'A');
    expect(primary.calls).toEqual(['A ada']);
    expect(secondary.calls).toEqual([]);
    expect(await client.onlineMembers(['ada'])).toEqual(new Set());
  });

  test('a call that fails is told as it failed, for whoever tries again, but for a pause that is not the secondary’s', async () => {
    const { client, primary } = startFailover();
    primary.fate = (to) => rejected(to);
    await expect(client.relayToMember('ada', 'A')).rejects.toMatchObject({ retryable: false, lost: ['ada'] });
    primary.fate = (to) => unavailable(to, { retryAfterMs: 60_000 });
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

describe('once the primary provider keeps failing', () => {
  test('the secondary is asked instead, and the primary is left alone', async () => {
    const { client, primary, secondary, open, log } = startFailover();
    await open();
    await client.relayToMember('ada', 'A');
    await client.relayToMembers([], 'NOBODY');
    expect(primary.calls).toEqual([]);
    expect(secondary.calls).toEqual(['A ada', 'NOBODY ']);
    expect(client.inForce).toBe('ws');
    expect(log).toEqual(['The provider "pusher" keeps failing: "ws" takes over']);
  });

  test('a relay that the secondary cannot take fails with its error', async () => {
    const { client, secondary, open } = startFailover();
    await open();
    secondary.fate = (to) => unavailable(to, { provider: 'ws' });
    await expect(client.relayToMember('ada', 'A')).rejects.toMatchObject({ provider: 'ws', lost: ['ada'] });
  });

  test('one relay at a time finds out whether it is back, and is waited for by nobody', async () => {
    const { client, primary, secondary, open, advance } = startFailover();
    await open();
    let answer: () => void = () => undefined;
    primary.gate = new Promise<void>((resolve) => (answer = resolve));
    await advance(A_WHILE);
    await client.relayToMember('ada', 'PROBE');
    await client.relayToMember('ada', 'NEXT');
    expect(primary.calls).toEqual(['PROBE ada']);
    expect(secondary.calls).toEqual(['PROBE ada', 'NEXT ada']);
    expect(await client.health()).toMatchObject({ second: { breaker: 'half-open' } });
    answer();
    await settled();
    expect(client.inForce).toBe('pusher');
    await client.relayToMember('ada', 'BACK');
    expect(primary.calls).toEqual(['PROBE ada', 'BACK ada']);
  });

  test('a probe that fails is nobody’s failure, and the next one comes later', async () => {
    const { client, primary, open, advance } = startFailover();
    await open();
    primary.fate = down;
    await advance(A_WHILE);
    await client.relayToMember('ada', 'PROBE');
    await settled();
    await client.relayToMember('ada', 'NEXT');
    expect(primary.calls).toEqual(['PROBE ada']);
    expect(client.inForce).toBe('ws');
    await advance(A_WHILE);
    await client.relayToMember('ada', 'SECOND_PROBE');
    expect(primary.calls).toEqual(['PROBE ada', 'SECOND_PROBE ada']);
  });

  test('a relay to nobody finds nothing out', async () => {
    const { client, primary, open, advance } = startFailover();
    await open();
    await advance(A_WHILE);
    await client.relayToMembers([], 'NOBODY');
    await settled();
    expect(primary.calls).toEqual([]);
    expect(client.inForce).toBe('ws');
  });

  test('a primary that this process serves is still told: its clients are there', async () => {
    const { client, primary, secondary, open } = startFailover(true, false);
    await open();
    primary.fate = down;
    primary.online = ['ada'];
    secondary.online = ['alan'];
    await client.relayToMember('ada', 'A');
    expect(primary.calls).toEqual(['A ada']);
    expect(secondary.calls).toEqual(['A ada']);
    expect(await client.onlineMembers(['ada', 'alan'])).toEqual(new Set(['ada', 'alan']));
  });

  test('health is degraded as long as the secondary is up, and down when neither is or this process goes', async () => {
    const { client, primary, secondary, open } = startFailover();
    await open();
    expect(await client.health()).toMatchObject({ status: 'degraded', reason: '"ws" has taken over' });
    primary.state = { status: 'down', connections: null, reason: 'HTTP 503' };
    secondary.state = { status: 'up', connections: 3 };
    expect(await client.health()).toMatchObject({
      status: 'degraded',
      connections: 3,
      reason: '"pusher" fails (HTTP 503), and "ws" has taken over',
    });
    secondary.state = { status: 'down', connections: 0, reason: 'closed' };
    expect(await client.health()).toMatchObject({ status: 'down', reason: 'HTTP 503' });
    secondary.state = { status: 'down', connections: 1, reason: 'draining' };
    expect(await client.health()).toMatchObject({ status: 'down', reason: 'draining' });
  });
});

describe('after the primary provider came back', () => {
  test('a secondary that is somewhere else is told for ten minutes more', async () => {
    const { client, primary, secondary, open, advance } = startFailover(false, false);
    await open();
    await advance(A_WHILE);
    await client.relayToMember('ada', 'PROBE');
    await settled();
    expect(client.inForce).toBe('pusher');
    await advance(TEN_MINUTES - 1);
    secondary.online = ['ada'];
    await client.relayToMember('ada', 'BOTH');
    expect(await client.onlineMembers(['ada'])).toEqual(new Set(['ada']));
    await advance(1);
    await client.relayToMember('ada', 'ONE');
    expect(await client.onlineMembers(['ada'])).toEqual(new Set());
    expect(primary.calls).toEqual(['PROBE ada', 'BOTH ada', 'ONE ada']);
    expect(secondary.calls).toEqual(['PROBE ada', 'BOTH ada']);
  });

  test('members who were disconnected meanwhile are disconnected there too, before anything else', async () => {
    const { client, primary, secondary, open, advance } = startFailover();
    await open();
    await client.disconnectMember('ada');
    await client.disconnectMember('alan');
    await client.disconnectMember('ada');
    expect(primary.calls).toEqual([]);
    expect(secondary.calls).toEqual(['- ada', '- alan', '- ada']);
    await advance(A_WHILE);
    await client.broadcast('PROBE');
    await settled();
    await client.relayToMember('ada', 'NEXT');
    expect(primary.calls).toEqual(['PROBE broadcast', '- alan', '- ada', 'NEXT ada']);
  });

  test('a disconnect that finds out that it is back is not made twice', async () => {
    const { client, primary, open, advance } = startFailover();
    await open();
    await advance(A_WHILE);
    await client.disconnectMember('ada');
    await settled();
    await client.broadcast('NEXT');
    expect(primary.calls).toEqual(['- ada', 'NEXT broadcast']);
  });
});

describe('a call that is made again', () => {
  test('comes to the secondary once, however often the primary is tried, and also when the secondary takes over', async () => {
    const { primary, secondary, retrying, advance } = startFailover();
    const { send } = retrying();
    primary.fate = down;
    await send('A', 'ada');
    await send('B', 'ada');
    for (let n = 0; n < 20; n++) await advance(1_000);
    expect(secondary.calls.filter((call) => call.endsWith(' ada'))).toEqual(['A ada', 'B ada']);
    expect(primary.calls.filter((call) => call === 'A ada').length).toBeGreaterThan(1);
  });
});

describe('a call that is settled', () => {
  test('is forgotten: the same call comes to the secondary again', async () => {
    const { client, primary, secondary } = startFailover();
    const relay = relayTo('A', ['ada']);
    primary.fate = down;
    await client.send(relay).catch(() => undefined);
    await client.send(relay).catch(() => undefined);
    expect(secondary.calls).toEqual(['A ada']);
    client.settled(relay);
    await client.send(relay).catch(() => undefined);
    expect(secondary.calls).toEqual(['A ada', 'A ada']);
  });

  test('is forgotten: the same call comes to a primary that this process serves again', async () => {
    const { client, primary, open } = startFailover(true, false);
    const relay = relayTo('A', ['ada']);
    primary.fate = down;
    await client.send(relay).catch(() => undefined);
    await open();
    await client.send(relay);
    expect(primary.calls).toEqual([]);
    client.settled(relay);
    await client.send(relay);
    expect(primary.calls).toEqual(['A ada']);
  });
});

describe('the order for a member, across a switch', () => {
  test('is kept by going after what is still under way at the primary', async () => {
    const { client, primary, secondary, open } = startFailover();
    let answer: () => void = () => undefined;
    primary.gate = new Promise<void>((resolve) => (answer = resolve));
    const before = client.relayToMember('ada', 'BEFORE');
    primary.gate = undefined;
    const { calls } = primary;
    await open();
    expect(calls).toEqual([]);
    primary.fate = down;
    // The primary fails it along with what is in front of it; to others it went already.
    const missed = { lost: ['ada'], retryableLost: ['ada'] };
    const after = expect(client.relayToMembers(['ada', 'alan'], 'AFTER')).rejects.toMatchObject(missed);
    // A relay to a channel of that name is something else.
    await client.relayToChannel('ada', 'CHANNEL');
    await after;
    expect(primary.calls).toEqual(['AFTER ada']);
    expect(secondary.calls).toEqual(['AFTER ada', 'AFTER alan', 'CHANNEL ada']);
    answer();
    await before;
    await client.relayToMember('ada', 'LATER');
    expect(primary.calls).toEqual(['AFTER ada']);
    expect(secondary.calls.at(-1)).toBe('LATER ada');
  });

  test('is kept together with what tries again: everything arrives, and nothing is overtaken', async () => {
    const { primary, secondary, client, advance, retrying } = startFailover(false, false);
    const { send, told } = retrying();
    primary.fate = down;
    const statuses: string[] = [];
    for (let n = 0; n < 2 * FAILURES; n++)
      statuses.push(await send(`E${n}`, 'ada'), await send(`F${n}`, `m${n}`));
    expect(client.inForce).toBe('ws');
    for (let wait = 0; wait < 50; wait++) await advance(100);
    expect(told.filter((line) => line.endsWith('lost'))).toEqual([]);
    const toAda = secondary.calls.filter((call) => call.endsWith(' ada'));
    expect(toAda).toEqual(Array.from({ length: 2 * FAILURES }, (_, n) => `E${n} ada`));
    for (let n = 0; n < 2 * FAILURES; n++) expect(secondary.calls).toContain(`F${n} m${n}`);
    expect(new Set(statuses)).toEqual(new Set(['queued', 'sent']));
  });

  test('where both fail a part of one call, everybody missed is named once', async () => {
    const { client, primary, secondary, open } = startFailover();
    let answer: () => void = () => undefined;
    primary.gate = new Promise<void>((resolve) => (answer = resolve));
    const before = client.relayToMember('ada', 'BEFORE');
    primary.gate = undefined;
    await open();
    primary.fate = down;
    secondary.fate = (to) => rejected(to, { provider: 'ws' });
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
