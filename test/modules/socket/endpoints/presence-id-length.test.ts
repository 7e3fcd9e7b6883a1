import { AuthorizeChannel, type Identity, type SocketModuleOptions } from 'nestjs-switchboard';
import { APP, form, SOCKET_ID } from '../../../support/auth-requests.js';
import { logged, startHost } from '../../../support/hosts.js';
import { titled } from '../../../support/titled.js';

@AuthorizeChannel('presence-room')
class RoomChannel {
  // Without the caller's info, which would be another reason to refuse: the data may have 1,024 bytes.
  authorize({ id }: Identity) {
    return { id };
  }
}

@AuthorizeChannel('presence-mask')
class MaskChannel {
  authorize({ id }: Identity) {
    return { id: id.slice(0, 128) };
  }
}

/** Nobody listens there: signatures need no request. */
const PUSHER = { pusher: { host: '127.0.0.1', port: 1 } };
const HOSTED: [string, SocketModuleOptions][] = [
  ['pusher', { provider: 'pusher', ...PUSHER }],
  ['pusher, with ws to take over', { provider: ['pusher', 'ws'], ...PUSHER }],
  ['ws, with pusher to take over', { provider: ['ws', 'pusher'], ...PUSHER }],
];

async function start(options: SocketModuleOptions) {
  const { url } = await startHost({ app: APP, ...options }, { providers: [RoomChannel, MaskChannel] });
  const ask = (path: string, id: string, more: Record<string, string> = {}) =>
    form(`${url}/socket/${path}`, { socket_id: SOCKET_ID, ...more }, { 'x-member': encodeURIComponent(id) });
  return {
    joins: (id: string, channel: string) => ask('auth', id, { channel_name: channel }),
    signsIn: (id: string) => ask('user-auth', id),
  };
}

const idOf = (body: Readonly<Record<string, unknown>>, field: string, name: string) =>
  (JSON.parse(String(body[field])) as Record<string, unknown>)[name];

describe.each(HOSTED)('On %s, whose presence channels take ids of 128 characters', (_, options) => {
  test.each(titled(['x'.repeat(128), 'ж'.repeat(128), '💬'.repeat(128)]))(
    'a member with so many may join: %s',
    async (_title, id) => {
      const { joins } = await start(options);
      const [status, body] = await joins(id, 'presence-room');
      expect([status, idOf(body, 'channel_data', 'user_id')]).toEqual([200, id]);
    },
  );

  test.each(titled(['x'.repeat(129), 'ж'.repeat(129), 'x'.repeat(255)]))(
    'a member with more is refused before the browser asks the provider, and the log says why: %s',
    async (_title, id) => {
      const { lines } = logged('error');
      const { joins } = await start(options);
      expect(await joins(id, 'presence-room')).toMatchObject([403, { code: 'INVALID_MEMBER' }]);
      const { length } = id;
      expect(lines).toEqual([
        expect.stringMatching(
          new RegExp(
            `^A presence member has a bad id, ".*: it has ${length} characters, and the provider allows 128 on presence channels$`,
          ),
        ),
      ]);
    },
  );

  test('a member with more is signed in, and joins under the shorter id that an authorizer gives', async () => {
    const { joins, signsIn } = await start(options);
    const id = 'x'.repeat(255);
    const [signedIn, user] = await signsIn(id);
    expect([signedIn, idOf(user, 'user_data', 'member')]).toEqual([200, { id }]);
    expect(String(idOf(user, 'user_data', 'id')).length).toBeLessThanOrEqual(128);
    const [joined, room] = await joins(id, 'presence-mask');
    expect([joined, idOf(room, 'channel_data', 'user_id')]).toEqual([200, 'x'.repeat(128)]);
  });
});

test('on ws alone every member id may be on a presence channel', async () => {
  const { joins } = await start({ provider: 'ws' });
  for (const id of ['x'.repeat(255), 'ж'.repeat(255)]) {
    const [status, body] = await joins(id, 'presence-room');
    expect([status, idOf(body, 'channel_data', 'user_id')]).toEqual([200, id]);
  }
});
