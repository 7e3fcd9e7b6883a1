import { SocketRejectedError, SocketUnavailableError } from '../../../../src/ports/errors.js';
import { failureOf, HttpApi, members, startClient } from '../support.js';

const channelsOf = (ids: readonly string[]) => ids.map((id) => `#server-to-user-${id}`);

describe('relaying to many members', () => {
  test('takes one request for every hundred', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    await client.relayToMembers(members(250), 'E', { n: 1 });

    expect(api.received.map(({ channels }) => channels.length).sort((a, b) => b - a)).toEqual([100, 100, 50]);
    expect(api.received.flatMap(({ channels }) => channels).sort()).toEqual(channelsOf(members(250)).sort());
    expect(api.bodies.map(({ data }) => data)).toEqual(['{"n":1}', '{"n":1}', '{"n":1}']);
  });

  test('sends nothing for nobody, and once for a member named twice', async () => {
    const api = await HttpApi.start();
    const { client } = await startClient(api.port);

    await client.relayToMembers([], 'E');
    await client.relayToMembers(['7', '8', '7'], 'E');

    expect(api.received.map(({ channels }) => channels)).toEqual([channelsOf(['7', '8'])]);
  });

  test('tries every request, and names exactly who was missed', async () => {
    const api = await HttpApi.start(({ channels }) =>
      channels.includes('#server-to-user-m101') ? { status: 503, body: 'busy' } : undefined,
    );
    const { client } = await startClient(api.port);

    const error = await failureOf(client.relayToMembers(members(250), 'E'));

    expect(api.received).toHaveLength(3);
    expect(error).toBeInstanceOf(SocketUnavailableError);
    expect(error.lost).toEqual(members(250).slice(100, 200));
    expect(error.message).toBe(
      'Could not deliver "E" through "pusher" to 100 of 250 members: HTTP 503: busy',
    );
    expect(error.cause).toMatchObject({ name: 'RequestFailure', status: 503 });
  });

  test('promises nothing from a retry when one request was refused and another not answered', async () => {
    const api = await HttpApi.start(({ channels }) => {
      if (channels.includes('#server-to-user-m1')) return { status: 413, body: 'too large' };
      return channels.includes('#server-to-user-m101') ? { status: 500 } : undefined;
    });
    const { client } = await startClient(api.port);

    const error = await failureOf(client.relayToMembers(members(250), 'E'));

    expect(error).toBeInstanceOf(SocketRejectedError);
    expect(error.lost).toEqual(members(200));
    expect(error.message).toContain('200 of 250 members: HTTP 413: too large, and 1 other reason(s)');
    expect(error.cause).toBeInstanceOf(AggregateError);
    expect(error.cause).toMatchObject({ errors: [{ status: 413 }, { status: 500 }] });
  });
});

describe('a server that refuses several users’ channels in one request', () => {
  const refusing = () =>
    HttpApi.start(({ channels }) =>
      channels.length > 1 ? { status: 400, body: 'one user only\n' } : undefined,
    );

  test('gets a request for each member, for good, and the log says so once', async () => {
    const api = await refusing();
    const { client, log } = await startClient(api.port);

    await client.relayToMembers(members(150), 'FIRST');
    expect(api.received).toHaveLength(2 + 150);
    await client.relayToMembers(members(150), 'SECOND');

    expect(api.received).toHaveLength(2 + 150 + 150);
    expect(api.received.slice(2).every(({ channels }) => channels.length === 1)).toBe(true);
    expect(log).toEqual([
      'The Pusher HTTP API takes no event for several members at once (HTTP 400: one user only); ' +
        'from now on each member gets a request of its own.',
    ]);
  });

  test('is still told apart, member by member', async () => {
    const api = await HttpApi.start(({ channels }) => {
      if (channels.length > 1) return { status: 400 };
      return channels[0] === '#server-to-user-m2' ? { status: 500 } : undefined;
    });
    const { client } = await startClient(api.port);

    const error = await failureOf(client.relayToMembers(members(3), 'E'));

    expect(error.lost).toEqual(['m2']);
    expect(error.message).toContain('"E" through "pusher" to member "m2": HTTP 500');
  });

  test('is not blamed as long as nothing shows that the members’ own requests are any better', async () => {
    let isRefusing = true;
    const api = await HttpApi.start(({ channels }) => {
      if (!isRefusing) return undefined;
      return { status: channels.length > 1 ? 400 : 503 };
    });
    const { client, log } = await startClient(api.port);

    expect((await failureOf(client.relayToMembers(['7', '8'], 'E'))).lost).toEqual(['7', '8']);
    isRefusing = false;
    await client.relayToMembers(['7', '8'], 'E');

    expect(api.received.map(({ channels }) => channels.length)).toEqual([2, 1, 1, 2]);
    expect(log).toEqual([]);
  });

  test('is not blamed when the event itself was refused', async () => {
    const api = await HttpApi.start(({ body }) => (body['name'] === 'BAD' ? { status: 400 } : undefined));
    const { client, log } = await startClient(api.port);

    const error = await failureOf(client.relayToMembers(['7', '8'], 'BAD'));
    await client.relayToMembers(['7', '8'], 'GOOD');

    expect(error).toBeInstanceOf(SocketRejectedError);
    expect(error.lost).toEqual(['7', '8']);
    expect(api.received.map(({ channels }) => channels.length)).toEqual([2, 1, 1, 2]);
    expect(log).toEqual([]);
  });

  test.each([401, 403, 408, 413, 429, 500])('is not suspected because of a %i', async (status) => {
    const api = await HttpApi.start(() => ({ status }));
    const { client } = await startClient(api.port);

    const error = await failureOf(client.relayToMembers(['7', '8'], 'E'));

    expect(error.lost).toEqual(['7', '8']);
    expect(api.received).toHaveLength(1);
  });
});
