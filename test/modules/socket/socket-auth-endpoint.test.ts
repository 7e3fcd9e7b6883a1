import {
  AuthorizeChannel,
  type ChannelAuthorizer,
  type Identity,
  type PresenceMember,
  type SocketModuleOptions,
} from 'nestjs-switchboard';
import { ADA, APP, ENCODINGS, form, post, SOCKET_ID } from '../../support/auth-requests.js';
import { FRAMEWORKS, type Host, type HostParts, logged, startHost } from '../../support/hosts.js';
import { authFor } from '../../support/signing.js';
import { titled } from '../../support/titled.js';

@AuthorizeChannel('private-orders.{owner}')
class OrdersChannel implements ChannelAuthorizer<{ owner: string }> {
  authorize(member: Identity, { owner }: { owner: string }): boolean {
    return owner === member.id;
  }
}

@AuthorizeChannel('presence-room.{room}')
class RoomChannel implements ChannelAuthorizer<{ room: string }> {
  async authorize({ id }: Identity, { room }: { room: string }): Promise<boolean | PresenceMember> {
    if (room === 'masked') return { id: `mask-of-${id}`, info: { mask: 'harlequin' } };
    if (room === 'plain') return { id: 'plain' };
    if (room === 'endless') return { id, info: { about: 'x'.repeat(1_024) } };
    return room === 'open';
  }
}

describe.each(Object.keys(FRAMEWORKS) as (keyof typeof FRAMEWORKS)[])('over %s', (framework) => {
  const start = (options: SocketModuleOptions = {}, parts: HostParts = {}): Promise<Host> =>
    startHost(
      { app: APP, provider: 'ws', ...options },
      { providers: [OrdersChannel, RoomChannel], httpAdapter: FRAMEWORKS[framework], ...parts },
    );

  describe.each(ENCODINGS)('POST /socket/auth with %s', (_, send) => {
    test('signs a private channel for a member whom its authorizer admits', async () => {
      const { url } = await start();
      const channel = 'private-orders.ada';
      expect(await send(`${url}/socket/auth`, { socket_id: SOCKET_ID, channel_name: channel })).toEqual([
        200,
        { auth: authFor(APP, `${SOCKET_ID}:${channel}`) },
      ]);
    });

    test('signs a presence channel with who the member is', async () => {
      const { url } = await start();
      const channel = 'presence-room.open';
      const [status, body] = await send(`${url}/socket/auth`, {
        socket_id: SOCKET_ID,
        channel_name: channel,
      });
      const data = String(body['channel_data']);
      expect(status).toBe(200);
      expect(JSON.parse(data)).toEqual({ user_id: 'ada', user_info: { name: 'ADA' } });
      expect(body).toEqual({ auth: authFor(APP, `${SOCKET_ID}:${channel}:${data}`), channel_data: data });
    });

    test.each([
      ['masked', { user_id: 'mask-of-ada', user_info: { mask: 'harlequin' } }],
      ['plain', { user_id: 'plain' }],
    ])('signs the presence channel %s as the member whom the authorizer names', async (room, expected) => {
      const { url } = await start();
      const channel = `presence-room.${room}`;
      const [, body] = await send(`${url}/socket/auth`, { socket_id: SOCKET_ID, channel_name: channel });
      const data = String(body['channel_data']);
      expect(JSON.parse(data)).toEqual(expected);
      expect(body['auth']).toBe(authFor(APP, `${SOCKET_ID}:${channel}:${data}`));
    });

    test('ignores fields that it does not know', async () => {
      const { url } = await start();
      const fields = {
        socket_id: SOCKET_ID,
        channel_name: 'private-orders.ada',
        user_id: 'bob',
        callback: 'f',
      };
      const [status, body] = await send(`${url}/socket/auth`, fields);
      expect(status).toBe(200);
      expect(body).toEqual({ auth: authFor(APP, `${SOCKET_ID}:private-orders.ada`) });
    });
  });

  describe('POST /socket/auth refuses with 403', () => {
    const ask = async (
      channel: string,
      headers: Record<string, string>,
      options: SocketModuleOptions = {},
    ) => {
      const { url } = await start(options);
      return form(`${url}/socket/auth`, { socket_id: SOCKET_ID, channel_name: channel }, headers);
    };

    test('a caller whom identify does not know', async () => {
      expect((await ask('private-orders.ada', {}))[0]).toBe(403);
    });

    test('a member whom the authorizer does not admit', async () => {
      const [status, body] = await ask('private-orders.bob', ADA);
      expect(status).toBe(403);
      expect(body).not.toHaveProperty('auth');
      expect((await ask('presence-room.closed', ADA))[0]).toBe(403);
    });

    test('a channel that no authorizer covers, and logs its name', async () => {
      const warnings = logged('warn');
      expect((await ask('private-nobodys.7', ADA))[0]).toBe(403);
      expect(warnings.lines).toEqual([expect.stringContaining('"private-nobodys.7"')]);
    });

    test('a public channel, which needs no signature, and logs its name', async () => {
      const warnings = logged('warn');
      expect((await ask('news', ADA))[0]).toBe(403);
      expect(warnings.lines).toEqual([expect.stringContaining('"news"')]);
    });

    test('everybody, where the application has no identify, and says so at the start', async () => {
      const warnings = logged('warn');
      const nobody = { identify: undefined } as unknown as SocketModuleOptions;
      expect((await ask('private-orders.ada', ADA, nobody))[0]).toBe(403);
      expect(warnings.lines).toContainEqual(expect.stringContaining('identify'));
    });
  });

  describe('a private broadcast channel', () => {
    const options = { broadcastChannel: 'private-everybody' };
    const fields = { socket_id: SOCKET_ID, channel_name: 'private-everybody' };

    test('is open to every member without an authorizer, and closed to strangers', async () => {
      const { url } = await start(options);
      expect(await form(`${url}/socket/auth`, fields, ADA)).toEqual([
        200,
        { auth: authFor(APP, `${SOCKET_ID}:private-everybody`) },
      ]);
      expect((await form(`${url}/socket/auth`, fields))[0]).toBe(403);
    });

    test('belongs to its authorizer when it has one', async () => {
      @AuthorizeChannel('private-everybody')
      class Closed implements ChannelAuthorizer {
        authorize(): boolean {
          return false;
        }
      }
      const { url } = await start(options, { providers: [Closed] });
      expect((await form(`${url}/socket/auth`, fields, ADA))[0]).toBe(403);
    });
  });

  describe.each(ENCODINGS)('a request that cannot be understood, sent as %s,', (_, send) => {
    const channel_name = 'private-orders.ada';

    test.each(titled(['', '1', '1.2.3', 'a.b', '1.2:private-orders.bob', '1.2 ', `${'1'.repeat(40)}.2`]))(
      'has the socket id %s, and is answered 400',
      async (_title, socket_id) => {
        const { url } = await start();
        for (const path of ['auth', 'user-auth']) {
          const [status, { message }] = await send(`${url}/socket/${path}`, { socket_id, channel_name });
          expect([status, message]).toEqual([400, expect.stringContaining('socket_id')]);
        }
      },
    );

    test.each(titled(['', 'private-a b', '#server-to-user-ada', 'private-é', `private-${'x'.repeat(157)}`]))(
      'has the channel name %s, and is answered 400',
      async (_title, channel) => {
        const { url } = await start();
        const [status, { message }] = await send(`${url}/socket/auth`, {
          socket_id: SOCKET_ID,
          channel_name: channel,
        });
        expect([status, message]).toEqual([400, expect.stringContaining('channel_name')]);
      },
    );

    test('has no channel name, or nothing at all, and is answered 400', async () => {
      const { url } = await start();
      expect((await send(`${url}/socket/auth`, { socket_id: SOCKET_ID }))[0]).toBe(400);
      expect((await send(`${url}/socket/auth`, {}))[0]).toBe(400);
      expect((await send(`${url}/socket/user-auth`, {}))[0]).toBe(400);
    });
  });

  test.each([
    ['no body', null, {}],
    ['an empty JSON array', '[]', { 'Content-Type': 'application/json' }],
    ['a JSON text', '"x"', { 'Content-Type': 'application/json' }],
    ['broken JSON', '{', { 'Content-Type': 'application/json' }],
    [
      'fields given twice',
      'socket_id=1.2&socket_id=3.4&channel_name=a&channel_name=b',
      {
        'Content-Type': 'application/x-www-form-urlencoded',
      },
    ],
    ['numbers for texts', '{"socket_id":1.2,"channel_name":7}', { 'Content-Type': 'application/json' }],
  ] as [string, string | null, Record<string, string>][])('%s is answered 400', async (_, body, headers) => {
    const { url } = await start();
    for (const path of ['auth', 'user-auth']) {
      expect((await post(`${url}/socket/${path}`, body, { ...ADA, ...headers }))[0]).toBe(400);
    }
  });

  test('presence data over 1 KB, which the browser could not join with, is not signed', async () => {
    const { url } = await start();
    const fields = { socket_id: SOCKET_ID, channel_name: 'presence-room.endless' };
    const [status, body] = await form(`${url}/socket/auth`, fields, ADA);
    expect(status).toBe(403);
    expect(body).not.toHaveProperty('auth');
  });
});
