import { OrderedDelivery } from '../../../src/adapters/pusher/ordered-delivery.js';
import { failureOf, gate, HttpApi, members, startClient } from './support.js';

describe('the order of what the pusher adapter sends', () => {
  it('holds the second relay to a member until the first is answered, and nobody else', async () => {
    const first = gate();
    const api = await HttpApi.start(async ({ body }) => {
      if (body['name'] === 'FIRST') await first.opened;
      return undefined;
    });
    const { client } = await startClient(api.port);
    const names = () => api.bodies.map(({ name }) => name);

    const calls = [
      client.relayToMember('7', 'FIRST'),
      client.relayToMember('7', 'SECOND'),
      client.relayToMember('8', 'OTHER_MEMBER'),
      client.relayToChannel('room', 'OTHER_CHANNEL'),
    ];
    await Promise.all(calls.slice(2));

    expect(names().sort()).toEqual(['FIRST', 'OTHER_CHANNEL', 'OTHER_MEMBER']);
    first.open();
    await Promise.all(calls);
    expect(names()).toHaveLength(4);
    expect(names()[3]).toBe('SECOND');
  });

  it('holds relays to one channel in order, the broadcast channel included', async () => {
    const first = gate();
    const api = await HttpApi.start(async ({ body }) => {
      if (body['name'] === 'FIRST') await first.opened;
      return undefined;
    });
    const { client } = await startClient(api.port);

    const calls = [
      client.broadcast('FIRST'),
      client.relayToChannel('everybody', 'SECOND'),
      client.broadcast('THIRD'),
    ];
    await client.relayToMember('7', 'SOMEBODY_ELSE');
    expect(api.received).toHaveLength(2);
    first.open();
    await Promise.all(calls);

    expect(api.bodies.map(({ name }) => name).filter((name) => name !== 'SOMEBODY_ELSE')).toEqual([
      'FIRST',
      'SECOND',
      'THIRD',
    ]);
  });

  it('ends a member’s connections after the relays called before, so that the last word arrives', async () => {
    const first = gate();
    const api = await HttpApi.start(async ({ path }) => {
      if (path.endsWith('/events')) await first.opened;
      return undefined;
    });
    const { client } = await startClient(api.port);

    const calls = [client.relayToMember('7', 'GOODBYE'), client.disconnectMember('7')];
    await client.disconnectMember('8');
    expect(api.received.map(({ path }) => path)).not.toContain('/apps/42/users/7/terminate_connections');
    first.open();
    await Promise.all(calls);

    expect(api.received.at(-1)?.path).toBe('/apps/42/users/7/terminate_connections');
  });

  it('does not let a relay overtake one to many members, even one that waits for a free request', async () => {
    const firstGroup = gate();
    const api = await HttpApi.start(async ({ channels }) => {
      if (channels.length === 100) await firstGroup.opened;
      return undefined;
    });
    const { client } = await startClient(api.port);
    // Nine groups: eight are under way at a time, so the ninth, with the last member alone, is not asked for yet.
    const many = members(801);

    const calls = [client.relayToMembers(many, 'FIRST'), client.relayToMember('m801', 'SECOND')];
    await api.until(({ received }) => received.length === 8);
    await client.relayToMember('stranger', 'OTHER');
    expect(api.bodies.map(({ name }) => name)).not.toContain('SECOND');
    firstGroup.open();
    await Promise.all(calls);

    const toTheLast = api.received.filter(({ channels }) => channels.includes('#server-to-user-m801'));
    expect(toTheLast.map(({ body }) => body['name'])).toEqual(['FIRST', 'SECOND']);
  });

  it('makes a relay to many members wait for what was called before for any of them', async () => {
    const first = gate();
    const api = await HttpApi.start(async ({ body }) => {
      if (body['name'] === 'FIRST') await first.opened;
      return undefined;
    });
    const { client } = await startClient(api.port);

    const calls = [client.relayToMember('8', 'FIRST'), client.relayToMembers(['7', '8', '9'], 'SECOND')];
    await client.relayToMember('stranger', 'OTHER');
    expect(api.bodies.map(({ name }) => name).sort()).toEqual(['FIRST', 'OTHER']);
    first.open();
    await Promise.all(calls);

    expect(api.bodies.at(-1)?.['name']).toBe('SECOND');
  });

  it('goes on after a failure', async () => {
    const api = await HttpApi.start(({ body }) => (body['name'] === 'FIRST' ? { status: 500 } : undefined));
    const { client } = await startClient(api.port);

    const failed = failureOf(client.relayToMember('7', 'FIRST'));
    const passed = client.relayToMember('7', 'SECOND');

    await failed;
    await passed;
    expect(api.bodies.map(({ name }) => name)).toEqual(['FIRST', 'SECOND']);
  });
});

describe('OrderedDelivery', () => {
  it('forgets a key as soon as nothing waits for it, failures included', async () => {
    const order = new OrderedDelivery();
    const done = [
      order.take(['a', 'b'])(() => Promise.resolve()),
      order.take(['b', 'c'])(() => Promise.reject(new Error('lost'))),
      order.take(['c', 'a'])(() => Promise.resolve()),
    ];
    expect(order['tails'].size).toBe(3);

    await Promise.allSettled(done);

    expect(order['tails'].size).toBe(0);
  });

  it('makes the third wait for the second when the first is already through', async () => {
    const order = new OrderedDelivery();
    const second = gate();
    const seen: string[] = [];
    const first = order.take(['a'])(() => Promise.resolve());
    const afterFirst = order.take(['a'])(async () => {
      await second.opened;
      seen.push('second');
    });
    await first;

    const last = order.take(['a'])(() => Promise.resolve(seen.push('third')));
    second.open();
    await Promise.all([afterFirst, last]);

    expect(seen).toEqual(['second', 'third']);
  });

  it('keeps a place whose work starts late', async () => {
    const order = new OrderedDelivery();
    const seen: string[] = [];
    const early = order.take(['a']);
    const later = order.take(['a'])(() => Promise.resolve(seen.push('later')));

    await early(() => Promise.resolve(seen.push('early')));
    await later;

    expect(seen).toEqual(['early', 'later']);
  });

  it('hands on what the work comes to', async () => {
    const order = new OrderedDelivery();

    await expect(order.take(['a'])(() => Promise.resolve(5))).resolves.toBe(5);
    await expect(order.take(['a'])(() => Promise.reject(new Error('lost')))).rejects.toThrow('lost');
  });

  it('tells when it is idle', async () => {
    const order = new OrderedDelivery();
    const { opened, open } = gate();
    let through = false;
    const work = order.take(['a'])(async () => {
      await opened;
      through = true;
    });

    const idle = order.idle().then(() => through);
    open();

    expect(await idle).toBe(true);
    await work;
  });
});
