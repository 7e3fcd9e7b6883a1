import { A_WHILE, relayTo, settled, unavailable } from '../support.js';
import { startMirror } from './support.js';

describe('a mirror', () => {
  test('gives every call to both, in the order of the calls', async () => {
    const { client, primary, secondary } = startMirror();
    await Promise.all([
      client.relayToMember('ada', 'A', 1),
      client.relayToMembers(['ada', 'alan', 'ada'], 'B'),
      client.relayToChannel('news', 'C'),
      client.broadcast('D'),
      client.disconnectMember('ada'),
    ]);
    const all = ['A ada', 'B ada,alan', 'C news', 'D broadcast', '- ada'];
    expect(primary.calls).toEqual(all);
    expect(secondary.calls).toEqual(all);
  });

  test('comes to what the primary made of a call, and counts where the secondary made something else of it', async () => {
    const { client, primary, secondary, log } = startMirror();
    secondary.fate = (to) => unavailable(to);
    await client.relayToMember('ada', 'A');
    await settled();
    expect(await client.health()).toMatchObject({ second: { divergence: 1, missed: 1 } });
    primary.fate = (to) => unavailable(to, { retryAfterMs: 7 });
    await expect(client.relayToMember('ada', 'B')).rejects.toMatchObject({
      provider: 'pusher',
      retryAfterMs: 7,
    });
    await settled();
    expect(await client.health()).toMatchObject({ second: { divergence: 1, missed: 2 } });
    secondary.fate = () => undefined;
    await expect(client.relayToMember('ada', 'C')).rejects.toMatchObject({ lost: ['ada'] });
    await settled();
    expect(await client.health()).toMatchObject({ second: { divergence: 2, missed: 2 } });
    expect(log).toEqual([expect.stringMatching(/"ws" missed 1 call.*"A": no answer/)]);
  });

  test('gives the secondary a call once, however often the primary is tried, and compares them once', async () => {
    const { client, primary, secondary } = startMirror();
    const relay = relayTo('A', ['ada'], 1);
    primary.fate = (to) => unavailable(to);
    for (let n = 0; n < 3; n++) await client.send(relay).catch(() => undefined);
    await settled();
    expect(await client.health()).toMatchObject({ second: { divergence: 1 } });
    primary.fate = () => undefined;
    await client.send(relay);
    await settled();
    expect(primary.calls).toHaveLength(4);
    expect(secondary.calls).toEqual(['A ada']);
    expect(await client.health()).toMatchObject({ second: { divergence: 1, missed: 0 } });
  });

  test('gives the secondary each of thousands of relays once, however long they have to wait', async () => {
    const { client, primary, secondary, clock, retrying } = startMirror();
    const count = 3_000;
    const { send, told } = retrying({ waitingRelays: 0, waitingBytes: 0, retryDeadlineMs: 10 * A_WHILE });
    const ids = Array.from({ length: count }, (_, n) => `R${n}`);
    primary.fate = (to) => unavailable(to);
    for (const id of ids) await send(id, `to-${id}`);
    primary.fate = () => undefined;
    clock.advance(A_WHILE);
    // They are tried again in slices, and the next ones are due when these are under way.
    const arrived = () => told.filter((line) => line.endsWith('arrived')).length;
    while (arrived() < count) {
      clock.advance(1);
      await settled();
    }
    expect(primary.calls).toHaveLength(2 * count);
    expect(secondary.calls).toEqual(ids.map((id) => `${id} to-${id}`));
    expect(await client.health()).toMatchObject({ second: { missed: 0, divergence: count } });
  });

  test('gives the secondary a call again once the first one is settled, or where nobody settles one', async () => {
    const relay = relayTo('A', ['ada'], 1);
    const retried = startMirror();
    retried.primary.fate = (to) => unavailable(to);
    await retried.client.send(relay).catch(() => undefined);
    retried.client.settled(relay);
    await retried.client.send(relay).catch(() => undefined);
    expect(retried.secondary.calls).toEqual(['A ada', 'A ada']);
    const once = startMirror(true, false);
    once.primary.fate = (to) => unavailable(to);
    for (let n = 0; n < 2; n++) await once.client.send(relay).catch(() => undefined);
    expect(once.secondary.calls).toEqual(['A ada', 'A ada']);
  });

  test('gives it to the secondary again where that one missed it', async () => {
    const { client, primary, secondary } = startMirror();
    const relay = relayTo('A', ['ada'], 1);
    primary.fate = secondary.fate = (to) => unavailable(to);
    await client.send(relay).catch(() => undefined);
    await settled();
    primary.fate = secondary.fate = () => undefined;
    await client.send(relay);
    expect(secondary.calls).toEqual(['A ada', 'A ada']);
  });

  test('tells of what the secondary missed once in a while, and how much it was', async () => {
    const { client, secondary, clock, log } = startMirror();
    secondary.fate = (to) => unavailable(to);
    for (let n = 0; n < 5; n++) await client.relayToMember('ada', 'A');
    await settled();
    clock.advance(60_000);
    await client.relayToMember('ada', 'B');
    await settled();
    expect(log).toEqual([
      expect.stringContaining('missed 1 call(s)'),
      expect.stringMatching(/missed 5 call\(s\).*"B"/),
    ]);
  });

  test('waits for nothing of the secondary, and gives it no more than so much at a time', async () => {
    const { client, secondary, log } = startMirror();
    let open: () => void = () => undefined;
    secondary.gate = new Promise<void>((resolve) => (open = resolve));
    const crowd = Array.from({ length: 9_999 }, (_, n) => `m${n}`);
    await client.relayToMembers(crowd, 'CROWD');
    await client.relayToMember('ada', 'FITS');
    await client.relayToMember('ada', 'DOES_NOT');
    expect(secondary.calls.map((call) => call.split(' ')[0])).toEqual(['CROWD', 'FITS']);
    expect(log).toEqual([expect.stringContaining('"DOES_NOT": 10000 of 10000 relays are under way')]);
    expect(await client.health()).toMatchObject({ second: { missed: 1, divergence: 1 } });
    open();
    await settled();
    await client.relayToMember('ada', 'FITS_AGAIN');
    expect(secondary.calls.at(-1)).toBe('FITS_AGAIN ada');
  });

  test('refuses a payload that JSON cannot carry before anything is sent', async () => {
    const { client, primary, secondary } = startMirror();
    await expect(client.broadcast('A', 1n)).rejects.toMatchObject({ code: 'PAYLOAD_NOT_JSON' });
    expect([...primary.calls, ...secondary.calls]).toEqual([]);
  });

  test('knows who is on a channel of either, with the info that one of them has', async () => {
    const { client, primary, secondary, log } = startMirror();
    primary.present = [{ id: 'ada' }, { id: 'alan', info: 1 }];
    secondary.present = [{ id: 'ada', info: { name: 'Ada' } }, { id: 'alan', info: 2 }, { id: 'grace' }];
    expect(await client.channelMembers('presence-room')).toEqual([
      { id: 'ada', info: { name: 'Ada' } },
      { id: 'alan', info: 1 },
      { id: 'grace' },
    ]);
    secondary.present = Promise.reject(new Error('HTTP 503'));
    expect(await client.channelMembers('presence-room')).toEqual(primary.present);
    expect(log).toEqual(['A channel\'s members leave out the provider "ws": HTTP 503']);
    primary.present = Promise.reject(unavailable([]));
    await expect(client.channelMembers('presence-room')).rejects.toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
    });
  });

  test('knows who is on either, as far as the secondary says so in time', async () => {
    const { client, primary, secondary, clock, log } = startMirror();
    primary.online = ['ada'];
    secondary.online = ['alan'];
    const both = await client.onlineMembers(['ada', 'alan', 'grace']);
    expect(both).toEqual(new Set(['ada', 'alan']));
    secondary.online = new Promise<never>(() => undefined);
    const asked = client.onlineMembers(['ada', 'alan']);
    await settled();
    clock.advance(2_000);
    expect(await asked).toEqual(new Set(['ada']));
    expect(log).toEqual(['The online members leave out the provider "ws": it took more than 2000 ms']);
    primary.online = Promise.reject(unavailable([]));
    await expect(client.onlineMembers(['ada'])).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
  });

  test('is as the primary is, until one of the two goes away', async () => {
    const { client, primary, secondary } = startMirror();
    primary.state = { status: 'down', connections: null, reason: 'HTTP 503' };
    secondary.state = { status: 'up', connections: 3 };
    expect(await client.health()).toEqual({
      ...primary.state,
      second: { provider: 'ws', role: 'mirror', status: 'up', connections: 3, missed: 0, divergence: 0 },
    });
    primary.state = { status: 'up', connections: null };
    secondary.state = { status: 'down', connections: 3, reason: 'draining' };
    expect(await client.health()).toMatchObject({ status: 'down', reason: 'draining' });
  });

  test('closes both, and the one that this process serves first', async () => {
    const { client, primary, secondary } = startMirror();
    const order: string[] = [];
    secondary.close = async () => {
      await settled();
      order.push('ws');
    };
    primary.close = () => Promise.resolve(void order.push('pusher'));
    await client.close();
    expect(order).toEqual(['ws', 'pusher']);
  });

  test('closes one although the other cannot be, and says so', async () => {
    const { client, primary, secondary } = startMirror();
    secondary.close = () => Promise.reject(new Error('stuck'));
    await expect(client.close()).rejects.toThrow('stuck');
    expect(primary.closed).toBe(true);
  });
});
