import { SocketRejectedError } from '../../../../src/ports/errors.js';
import { failureOf, gate, HttpApi, members, startClient } from '../support.js';

const own = (id: string) => `#server-to-user-${id}`;

describe('the relays of one turn of the loop', () => {
  test('is 1,000 different events to 1,000 members in a hundred requests, and each hears its own', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    await Promise.all(members(1_000).map((id) => client.relayToMember(id, 'E', { id })));

    expect(api.endpoints).toEqual(Array(100).fill('batch_events'));
    expect(new Map(api.events.map(({ channel, data }) => [channel, data]))).toEqual(
      new Map(members(1_000).map((id) => [own(id), JSON.stringify({ id })])),
    );
    expect(api.events).toHaveLength(1_000);
  });

  test('is the same event to 1,000 members in ten requests', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    await Promise.all(members(1_000).map((id) => client.relayToMember(id, 'E', { n: 1 })));

    expect(api.endpoints).toEqual(Array(10).fill('events'));
    expect(api.events.map(({ channel }) => channel).sort()).toEqual(members(1_000).map(own).sort());
  });

  test('is not the same event when it leaves out another connection', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    await Promise.all([
      client.relayToMember('7', 'E', 1, { exceptSocketId: '1.1' }),
      client.relayToMember('8', 'E', 1, { exceptSocketId: '1.2' }),
      client.relayToMember('9', 'E', 1),
    ]);

    expect(api.bodies).toEqual([
      {
        batch: [
          { name: 'E', data: '1', socket_id: '1.1', channel: own('7') },
          { name: 'E', data: '1', socket_id: '1.2', channel: own('8') },
          { name: 'E', data: '1', channel: own('9') },
        ],
      },
    ]);
  });

  test('is a plain event when it is alone, and the next turn does not wait for it', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    const first = client.relayToMember('7', 'A');
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([first, client.relayToMember('8', 'B')]);

    expect(api.endpoints).toEqual(['events', 'events']);
  });

  test('keeps members’ own channels apart from others, which no server refuses together', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    const rooms = members(50).map((id) => client.relayToChannel(`room-${id}`, 'E'));
    await Promise.all([...rooms, client.relayToMembers(members(50), 'E')]);

    expect(api.received.map(({ channels }) => channels.length)).toEqual([50, 50]);
  });

  test('encrypts for every encrypted channel on its own', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port, {}, {}, Buffer.alloc(32, 'k'));

    await Promise.all(
      members(12).map((id) => client.relayToChannel(`private-encrypted-${id}`, 'E', 'the same')),
    );

    expect(api.endpoints).toEqual(['batch_events', 'batch_events']);
    expect(new Set(api.events.map(({ data }) => data)).size).toBe(12);
  });

  test('has every call rejected when its batch is lost, and no other', async () => {
    const api = await HttpApi.start(({ events }) =>
      events.some(({ channel }) => channel === own('m5')) ? { status: 503, body: 'busy' } : undefined,
    );
    const { client } = await startClient(api.port);

    const outcomes = await Promise.allSettled(members(30).map((id) => client.relayToMember(id, `E-${id}`)));

    expect(api.received).toHaveLength(3);
    const expected = members(30).map((id, index) =>
      index < 10
        ? {
            status: 'rejected',
            reason: expect.objectContaining({
              code: 'PROVIDER_UNAVAILABLE',
              lost: [id],
              message: `Could not deliver "E-${id}" through "pusher" to member "${id}": HTTP 503: busy`,
            }) as unknown,
          }
        : { status: 'fulfilled', value: undefined },
    );
    expect(outcomes).toEqual(expected);
  });

  test('has a call to several rejected with exactly those whose batches were lost', async () => {
    const api = await HttpApi.start(({ events }) =>
      events.some(({ channel }) => channel === own('m1')) ? { status: 500 } : undefined,
    );
    const { client } = await startClient(api.port);

    // The three of the group share a batch with seven others; the rest of those are in the next one.
    const group = failureOf(client.relayToMembers(['m1', 'm2', 'm3'], 'E'));
    const singles = members(20).slice(3);
    await Promise.allSettled(singles.map((id) => client.relayToMember(id, `E-${id}`)));

    const error = await group;
    expect(error.lost).toEqual(['m1', 'm2', 'm3']);
    expect(error.message).toContain('"E" through "pusher" to members "m1", "m2", "m3": HTTP 500');
  });

  test.each([401, 403, 408, 429, 500, 503])(
    'is not sent again, event by event, after a %i',
    async (status) => {
      const api = await HttpApi.start(() => ({ status }));
      const { client } = await startClient(api.port);

      await Promise.all(members(3).map((id) => failureOf(client.relayToMember(id, `E-${id}`))));

      expect(api.endpoints).toEqual(['batch_events']);
    },
  );

  test('goes on for a member in the order of the calls while batches are slow, and fail', async () => {
    const first = gate();
    const api = await HttpApi.start(async ({ events }) => {
      if (events.some(({ name }) => name === '0')) {
        await first.opened;
        return { status: 500 };
      }
      return undefined;
    });
    const { client } = await startClient(api.port);
    const numbers = Array.from({ length: 25 }, (_, index) => String(index));

    const outcomes = Promise.allSettled(numbers.map((number) => client.relayToMember('7', number)));
    await api.until(({ received }) => received.length === 1);
    await client.relayToMember('8', 'NOBODY_WAITS');
    expect(api.received).toHaveLength(2);
    first.open();

    expect((await outcomes).map(({ status }) => status)).toEqual([
      ...Array<string>(10).fill('rejected'),
      ...Array<string>(15).fill('fulfilled'),
    ]);
    const names = api.events.map(({ name }) => name).filter((name) => name !== 'NOBODY_WAITS');
    expect(names).toEqual(numbers);
  });
});

describe('a batch that is refused', () => {
  test.each([400, 404, 413, 422])('with %i loses only the guilty event', async (status) => {
    const api = await HttpApi.start(({ events }) =>
      events.some(({ name }) => name === 'BAD') ? { status, body: 'bad' } : undefined,
    );
    const { client, log } = await startClient(api.port);

    const error = failureOf(client.relayToMember('7', 'BAD', 2));
    const others = ['1', '2', '3'].map((id) => client.relayToMember(id, `E-${id}`));
    await Promise.all(others);

    expect(await error).toBeInstanceOf(SocketRejectedError);
    expect((await error).lost).toEqual(['7']);
    expect((await error).message).toBe(
      `Could not deliver "BAD" through "pusher" to member "7": HTTP ${status}: bad`,
    );
    expect(api.endpoints).toEqual(['batch_events', 'events', 'events', 'events', 'events']);
    expect(log).toEqual([]);

    await Promise.all(members(3).map((id) => client.relayToMember(id, `F-${id}`)));
    expect(api.endpoints.slice(5)).toEqual(['batch_events']);
  });

  test('is sent again in order', async () => {
    const api = await HttpApi.start(({ events }) =>
      events.some(({ name }) => name === '3') ? { status: 400 } : undefined,
    );
    const { client } = await startClient(api.port);

    const outcomes = await Promise.allSettled(
      ['1', '2', '3', '4', '5'].map((name) => client.relayToMember('7', name)),
    );

    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual([true, true, false, true, true]);
    expect(api.bodies.slice(1).map(({ name }) => name)).toEqual(['1', '2', '3', '4', '5']);
  });

  test.each([404, 405])(
    'with %i by a server that knows none is the last, and the log says so once',
    async (status) => {
      const api = await HttpApi.start(({ path }) =>
        path.endsWith('/batch_events') ? { status } : undefined,
      );
      const { client, log } = await startClient(api.port);
      const relays = () => members(40).map((id) => client.relayToMember(id, `E-${id}`));

      await Promise.all(relays());
      const before = api.received.length;
      await Promise.all(relays());

      expect(api.endpoints.slice(before)).toEqual(Array(40).fill('events'));
      expect(log).toEqual([
        `The Pusher HTTP API takes no batches of events (HTTP ${status}); ` +
          'from now on each event gets a request of its own.',
      ]);
      await Promise.all(members(1_000).map((id) => client.relayToMember(id, 'SAME')));
      expect(api.received.slice(before + 40).map(({ channels }) => channels.length)).toEqual(
        Array(10).fill(100),
      );
    },
  );

  test('because it is too large is not made as large again', async () => {
    const api = await HttpApi.start(({ path, body }) =>
      path.endsWith('/batch_events') && JSON.stringify(body).length > 10_000 ? { status: 413 } : undefined,
    );
    const { client, log } = await startClient(api.port);
    const relays = () => members(10).map((id) => client.relayToMember(id, `E-${id}`, 'x'.repeat(1_500)));

    await Promise.all(relays());
    expect(api.endpoints).toEqual(['batch_events', ...Array<string>(10).fill('events')]);
    await Promise.all(relays());

    expect(api.endpoints).toHaveLength(11 + 3);
    expect(api.received.slice(11).flatMap(({ events }) => events)).toHaveLength(10);
    expect(log).toEqual([
      expect.stringMatching(
        /^The Pusher HTTP API takes no batch of 1\d{4} bytes \(HTTP 413\); from now on batches have [78]\d{3} at most\.$/,
      ),
    ]);
  });
});

describe('batching that is switched off', () => {
  test('gives every call requests of its own, at once', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port, { batching: false });

    await Promise.all([
      ...members(30).map((id) => client.relayToMember(id, `E-${id}`)),
      ...members(130).map((id) => client.relayToChannel(id, 'SAME')),
    ]);
    expect(api.endpoints).toEqual(Array(160).fill('events'));
    await Promise.all([client.relayToMembers(members(250), 'E'), client.relayToMembers(['x', 'y'], 'E')]);

    expect(
      api.received
        .slice(160)
        .map(({ channels }) => channels.length)
        .sort(),
    ).toEqual([100, 100, 2, 50]);
  });
});
