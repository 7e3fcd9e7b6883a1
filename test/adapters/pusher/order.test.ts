import { MAX_WAITING, OrderedDelivery } from '../../../src/adapters/pusher/ordered-delivery.js';
import { SocketUnavailableError } from '../../../src/ports/errors.js';
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

describe('what waits too long for its turn', () => {
  const timeoutMs = 200;
  /** Twice the timeout, and a little for a busy machine. */
  const SETTLED_MS = 2 * timeoutMs + 400;

  it('fails within two timeouts, however long the queue is, and is not sent later', async () => {
    const api = await HttpApi.start(() => 'nothing');
    const { client } = await startClient(api.port, { timeoutMs });
    const started = performance.now();

    const errors = await Promise.all(
      Array.from({ length: 40 }, (_, index) => failureOf(client.broadcast(`E${index}`))),
    );
    expect(performance.now() - started).toBeLessThan(SETTLED_MS);

    for (const error of errors) expect(error).toBeInstanceOf(SocketUnavailableError);
    expect(errors.at(-1)).toMatchObject({ lost: ['everybody'] });
    expect(errors.at(-1)?.message).toBe(
      'The provider "pusher" did not take "E39" on channel "everybody": ' +
        'its turn behind earlier calls did not come within 200 ms',
    );
    const sent = api.received.length;
    expect(sent).toBeLessThanOrEqual(2);
    await client.relayToChannel('room', 'LATER').catch(() => undefined);
    expect(api.received).toHaveLength(sent + 1);
  });

  it('leaves the order of what is sent as it was', async () => {
    let answers = false;
    const api = await HttpApi.start(() => (answers ? undefined : 'nothing'));
    const { client } = await startClient(api.port, { timeoutMs });
    const lost = [client.broadcast('FIRST'), client.broadcast('SECOND'), client.broadcast('THIRD')].map(
      failureOf,
    );

    await Promise.all(lost);
    answers = true;
    await Promise.all([client.broadcast('FOURTH'), client.broadcast('FIFTH')]);

    const names = api.bodies.map(({ name }) => name);
    expect(names[0]).toBe('FIRST');
    expect(names.slice(-2)).toEqual(['FOURTH', 'FIFTH']);
  });

  it('counts for each group of a relay to many members, which settles within two timeouts too', async () => {
    const api = await HttpApi.start(() => 'nothing');
    const { client } = await startClient(api.port, { timeoutMs });
    const started = performance.now();

    const error = await failureOf(client.relayToMembers(members(5_000), 'E'));

    expect(performance.now() - started).toBeLessThan(SETTLED_MS);
    expect(error).toBeInstanceOf(SocketUnavailableError);
    expect(error.lost).toEqual(members(5_000));
    expect(api.received.length).toBeLessThanOrEqual(16);
  });

  it('counts for members who get a request of their own because the server refuses groups', async () => {
    const api = await HttpApi.start(({ channels }) => (channels.length > 1 ? { status: 400 } : 'nothing'));
    const { client } = await startClient(api.port, { timeoutMs });
    const started = performance.now();

    const error = await failureOf(client.relayToMembers(members(100), 'E'));

    expect(performance.now() - started).toBeLessThan(SETTLED_MS);
    expect(error).toBeInstanceOf(SocketUnavailableError);
    expect(error.lost).toEqual(members(100));
  });
});

/** Longer than any test takes. */
const LONG_MS = 60_000;

describe('OrderedDelivery', () => {
  it('does not let what comes after a place that was given up overtake what came before it', async () => {
    const order = new OrderedDelivery(20);
    const { opened, open } = gate();
    const seen: string[] = [];
    const first = order.take(['a'])(async () => {
      await opened;
      seen.push('first');
    });
    await expect(order.take(['a'])(() => Promise.resolve(seen.push('given up')))).rejects.toThrow(
      'its turn behind earlier calls did not come within 20 ms',
    );
    const last = order.take(['a'])(() => Promise.resolve(seen.push('last')));
    open();
    await Promise.all([first, last]);

    expect(seen).toEqual(['first', 'last']);
    expect(order['tails'].size).toBe(0);
  });

  it('gives up a place whose work is started too late', async () => {
    const order = new OrderedDelivery(20);
    const turn = order.take(['a']);
    await new Promise((resolve) => setTimeout(resolve, 30));

    await expect(turn(() => Promise.resolve())).rejects.toThrow('did not come within 20 ms');
    expect(order['tails'].size).toBe(0);
  });

  it('refuses at once what would be one too many to wait, and takes more when there is room again', async () => {
    const order = new OrderedDelivery(LONG_MS);
    const { opened, open } = gate();
    const taken = [order.take(['a'])(() => opened)];
    for (let count = 0; count < MAX_WAITING; count++) taken.push(order.take(['a'])(() => Promise.resolve()));

    await expect(order.take(['a'])(() => Promise.resolve())).rejects.toThrow(
      `${MAX_WAITING} calls are waiting for their turn already`,
    );
    await order.take(['b'])(() => Promise.resolve());
    open();
    await Promise.all(taken);

    const [first, second] = [order.take(['a']), order.take(['a'])];
    await Promise.all([first(() => Promise.resolve()), second(() => Promise.resolve())]);
    expect(order['tails'].size).toBe(0);
  });

  it('forgets a key as soon as nothing waits for it, failures included', async () => {
    const order = new OrderedDelivery(LONG_MS);
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
    const order = new OrderedDelivery(LONG_MS);
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
    const order = new OrderedDelivery(LONG_MS);
    const seen: string[] = [];
    const early = order.take(['a']);
    const later = order.take(['a'])(() => Promise.resolve(seen.push('later')));

    await early(() => Promise.resolve(seen.push('early')));
    await later;

    expect(seen).toEqual(['early', 'later']);
  });

  it('hands on what the work comes to', async () => {
    const order = new OrderedDelivery(LONG_MS);

    await expect(order.take(['a'])(() => Promise.resolve(5))).resolves.toBe(5);
    await expect(order.take(['a'])(() => Promise.reject(new Error('lost')))).rejects.toThrow('lost');
  });

  it('tells when it is idle', async () => {
    const order = new OrderedDelivery(LONG_MS);
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
