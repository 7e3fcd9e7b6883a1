import { SocketUsageError } from '../../../../src/ports/errors.js';
import { HttpApi, startClient } from '../support.js';

describe('the requests of the pusher adapter', () => {
  test('relays to a member through the channel that only that member hears, signed', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    await client.relayToMember('7', 'MEMBER_DEACTIVATED', { memberId: '7', name: 'Łucja 🦊' });

    // The server answers only requests whose signature and body_md5 are right.
    expect(api.received).toHaveLength(1);
    expect(api.received[0]).toMatchObject({ method: 'POST', path: '/apps/42/events' });
    expect(api.bodies).toEqual([
      {
        name: 'MEMBER_DEACTIVATED',
        data: '{"memberId":"7","name":"Łucja 🦊"}',
        channels: ['#server-to-user-7'],
      },
    ]);
  });

  test('relays to a channel', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    await client.relayToChannel('private-orders.5', 'ORDER_PAID', [1, 2]);

    expect(api.bodies).toEqual([{ name: 'ORDER_PAID', data: '[1,2]', channels: ['private-orders.5'] }]);
  });

  test('broadcasts on the configured channel', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    await client.broadcast('MAINTENANCE', null);

    expect(api.bodies).toEqual([{ name: 'MAINTENANCE', data: 'null', channels: ['everybody'] }]);
  });

  test('leaves one connection out, whomever the event is for', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);
    const options = { exceptSocketId: '123.456' };

    await client.relayToMember('7', 'E', 1, options);
    await client.relayToMembers(['7', '8'], 'E', 1, options);
    await client.relayToChannel('room', 'E', 1, options);
    await client.broadcast('E', 1, options);

    expect(api.bodies.map((body) => body['socket_id'])).toEqual(['123.456', '123.456', '123.456', '123.456']);
  });

  test('keeps text that looks like something else as text', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    await client.relayToMember('7', 'E', '123');
    await client.relayToChannel('room', 'E', '123');

    expect(api.bodies.map(({ data }) => data)).toEqual(['"123"', '"123"']);
  });

  test('sends an empty text where there is no payload, because the HTTP API insists on data', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    await client.relayToMember('7', 'E');
    await client.relayToChannel('room', 'E');

    expect(api.bodies.map(({ data }) => data)).toEqual(['', '']);
  });

  test('sends the payload as it was when the call was made', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);
    const payload = { step: 'before' };

    const calls = [
      client.relayToMember('7', 'E', payload),
      client.relayToMember('7', 'E', payload),
      client.relayToChannel('room', 'E', payload),
      client.broadcast('E', payload),
    ];
    payload.step = 'after';
    await Promise.all(calls);

    expect(api.events.map(({ data }) => data)).toEqual(Array(4).fill('{"step":"before"}'));
  });

  test('rejects a payload that JSON cannot carry, before anything is sent', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    await expect(client.relayToMember('7', 'E', 1n)).rejects.toThrow(SocketUsageError);
    await expect(client.relayToChannel('room', 'E', () => 1)).rejects.toThrow(SocketUsageError);

    expect(api.received).toEqual([]);
  });

  test('ends the connections of a member', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    await client.disconnectMember('7');

    expect(api.received[0]).toMatchObject({
      method: 'POST',
      path: '/apps/42/users/7/terminate_connections',
      body: {},
    });
  });

  test.each([
    ['ann@example.com;a=1,b', 'ann@example.com;a=1,b'],
    ['a/b?c#d e%f', '=YS9iP2MjZCBlJWY'],
  ])('signs the path as it is sent for the member %s', async (memberId, segment) => {
    const api = await HttpApi.start(({ method }) =>
      method === 'GET' ? { body: '{"occupied":true}' } : undefined,
    );
    const { client } = await startClient(api.port);

    await client.disconnectMember(memberId);
    await client.onlineMembers([memberId]);

    expect(api.received.map(({ path }) => path)).toEqual([
      `/apps/42/users/${segment}/terminate_connections`,
      `/apps/42/channels/%23server-to-user-${segment}`,
    ]);
  });

  test('asks for each member once whether its own channel is occupied', async () => {
    const api = await HttpApi.start(({ path }) => ({
      body: JSON.stringify({ occupied: path.endsWith('-8') }),
    }));
    const { client } = await startClient(api.port);

    const online = await client.onlineMembers(['7', '8', '9', '8']);

    expect(online).toEqual(new Set(['8']));
    expect(api.received.map(({ path }) => path).sort()).toEqual([
      '/apps/42/channels/%23server-to-user-7',
      '/apps/42/channels/%23server-to-user-8',
      '/apps/42/channels/%23server-to-user-9',
    ]);
  });

  test('asks about no more than eight members at a time', async () => {
    let open = 0;
    let most = 0;
    const api = await HttpApi.start(async () => {
      most = Math.max(most, ++open);
      await new Promise(setImmediate);
      open -= 1;
      return { body: '{"occupied":true}' };
    });
    const { client } = await startClient(api.port);
    const ids = Array.from({ length: 40 }, (_, index) => String(index));

    expect((await client.onlineMembers(ids)).size).toBe(40);
    expect(most).toBeLessThanOrEqual(8);
  });

  test("asks once for a channel's members, whose ids need no escape there", async () => {
    const users = [{ id: 'auth0|7' }, { id: '8' }];
    const api = await HttpApi.start(() => ({ body: JSON.stringify({ users }) }));
    const { client } = await startClient(api.port);

    expect(await client.channelMembers('presence-room;1')).toEqual(users);
    expect(api.received).toMatchObject([
      { method: 'GET', path: '/apps/42/channels/presence-room;1/users', query: {} },
    ]);
  });

  test('proves its health with a signed question that has a short answer', async () => {
    const api = await HttpApi.start(() => ({ body: '{"channels":{}}' }));
    const { client } = await startClient(api.port);

    expect(await client.health()).toEqual({ status: 'up', connections: null });
    expect(api.received[0]).toMatchObject({
      method: 'GET',
      path: '/apps/42/channels',
      query: { filter_by_prefix: 'private-switchboard-health-probe' },
    });
  });
});
