import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jest } from '@jest/globals';
import { AuthorizeChannel, type ChannelAuthorizer, type Identity } from 'nestjs-switchboard';
import ts from 'typescript';
import { form } from '../support/auth-requests.js';
import { Host } from '../support/host.js';
import type { RawClient } from '../support/raw-client.js';
import { authFor, channelAuth, userAuth } from '../support/signing.js';

jest.setTimeout(20_000);

// Attacks of a stranger, or of a member who has learned how signatures look, on the real gateway.

@AuthorizeChannel('private-desk.{owner}')
class DeskChannel implements ChannelAuthorizer<{ owner: string }> {
  authorize(member: Identity, { owner }: { owner: string }): boolean {
    return owner === member.id;
  }
}

@AuthorizeChannel('presence-room.{room}')
class RoomChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

// A forger who hurries is refused for that, before anybody looks at the signature.
const UNHURRIED = { gateway: { limits: { signinsPerSecond: 0 } } };
const start = () => Host.start({ ...UNHURRIED, providers: [DeskChannel, RoomChannel] });

/** The answer of the auth endpoint to a member. */
async function signed(host: Host, member: string, path: string, fields: Record<string, string>) {
  const [status, body] = await form(`${host.url}/socket/${path}`, fields, { 'x-member': member });
  return { status, body: body as Record<string, string> };
}

/** Asks for something, and expects to be refused with 4009 and to stay connected. */
async function isRefused(client: RawClient, event: string, data: object): Promise<void> {
  client.say(event, data);
  expect(await client.next()).toMatchObject({ event: 'pusher:error', data: { code: 4009 } });
  await client.isAnswered();
}

describe('A forged signature', () => {
  test('opens neither a private channel nor a signin, whatever it is made of', async () => {
    const host = await start();
    const client = host.raw();
    const id = await client.greeted();
    const channel = 'private-desk.ada';
    const { auth } = channelAuth(host.app, id, channel);
    const [key = '', hex = ''] = auth.split(':');
    const forged = [
      '',
      key,
      `${key}:`,
      hex,
      `:${hex}`,
      `other-key:${hex}`,
      `${key}:${hex.toUpperCase()}`,
      `${key}:${hex.slice(0, -1)}`,
      `${key}:${hex}0`,
      `${key}:${hex}\n`,
      ` ${auth}`,
      `${key}:${'0'.repeat(64)}`,
      authFor({ ...host.app, secret: `${host.app.secret} ` }, `${id}:${channel}`),
      authFor({ ...host.app, secret: '' }, `${id}:${channel}`),
      `${key}:${createHmac('sha1', host.app.secret).update(`${id}:${channel}`).digest('hex')}`,
      `${key}:${createHmac('sha256', host.app.secret).update(`${id}:${channel}`).digest('base64')}`,
    ];
    for (const guess of forged) {
      await isRefused(client, 'pusher:subscribe', { channel, auth: guess });
      await isRefused(client, 'pusher:signin', { auth: guess, user_data: '{"id":"ada"}' });
    }
    await host.runtime.client.relayToChannel(channel, 'SECRET_TOLD', {});
    await host.runtime.client.relayToMember('ada', 'SECRET_TOLD', {});
    await client.isAnswered();
    client.say('pusher:subscribe', { channel, auth });
    expect(await client.next()).toMatchObject({ event: 'pusher_internal:subscription_succeeded' });
  });

  test('is not made by the auth endpoint out of what the caller sends', async () => {
    const host = await start();
    const asked = [
      { socket_id: '1.1', channel_name: 'private-desk.bob' },
      { socket_id: '1.1', channel_name: '#server-to-user-bob' },
      { socket_id: '1.1:private-desk.bob', channel_name: '' },
      { socket_id: '1.1', channel_name: 'private-desk.ada:private-desk.bob' },
      { socket_id: '1.1::user', channel_name: '{"id":"bob"}' },
      { socket_id: '1.1', channel_name: ':user:{"id":"bob"}' },
      { socket_id: 'POST\n/apps/switchboard/events\n', channel_name: 'private-desk.ada' },
    ];
    for (const fields of asked) {
      const { status, body } = await signed(host, 'ada', 'auth', fields);
      expect([400, 403]).toContain(status);
      expect(JSON.stringify(body)).not.toMatch(/[0-9a-f]{64}/);
    }
    const { body } = await signed(host, 'ada', 'user-auth', {
      socket_id: '1.1',
      id: 'bob',
      user_id: 'bob',
      user_data: '{"id":"bob"}',
    });
    expect(JSON.parse(body['user_data'] ?? '')).toMatchObject({ id: 'ada' });
  });
});

describe('A signature that was given to somebody', () => {
  test('holds for no other connection, although everything else is the same', async () => {
    const host = await start();
    const [ada, thief] = [host.raw(), host.raw()];
    const [socketId] = await Promise.all([ada.greeted(), thief.greeted()]);
    const fields = { socket_id: socketId, channel_name: 'private-desk.ada' };
    const { body } = await signed(host, 'ada', 'auth', fields);
    const { body: signin } = await signed(host, 'ada', 'user-auth', fields);
    const { body: presence } = await signed(host, 'ada', 'auth', {
      ...fields,
      channel_name: 'presence-room.1',
    });
    await isRefused(thief, 'pusher:subscribe', { channel: 'private-desk.ada', ...body });
    await isRefused(thief, 'pusher:subscribe', { channel: 'presence-room.1', ...presence });
    await isRefused(thief, 'pusher:signin', signin);
    // And it was good where it belongs.
    for (const [event, data] of [
      ['pusher:subscribe', { channel: 'private-desk.ada', ...body }],
      ['pusher:subscribe', { channel: 'presence-room.1', ...presence }],
      ['pusher:signin', signin],
    ] as const) {
      ada.say(event, data);
      expect((await ada.next()).event).toMatch(/succeeded|success/);
    }
    await host.runtime.client.relayToChannel('private-desk.ada', 'SECRET_TOLD', {});
    await host.runtime.client.relayToMember('ada', 'SECRET_TOLD', {});
    await thief.isAnswered();
  });

  test('holds for no later connection: it ends with the one that it was made for', async () => {
    const host = await start();
    const first = host.raw();
    const socketId = await first.greeted();
    const fields = { socket_id: socketId, channel_name: 'private-desk.ada' };
    const { body } = await signed(host, 'ada', 'auth', fields);
    first.socket.close();
    await first.closed;
    const second = host.raw();
    expect(await second.greeted()).not.toBe(socketId);
    await isRefused(second, 'pusher:subscribe', { channel: 'private-desk.ada', ...body });
  });

  test('holds for no other channel, no other member and no other presence data', async () => {
    const host = await start();
    const client = host.raw();
    const socketId = await client.greeted();
    const { body } = await signed(host, 'ada', 'auth', {
      socket_id: socketId,
      channel_name: 'presence-room.1',
    });
    const { auth = '', channel_data: data = '' } = body;
    const say = (fields: object) =>
      isRefused(client, 'pusher:subscribe', { channel: 'presence-room.1', auth, ...fields });
    await say({ channel_data: data.replace('ada', 'bob') });
    await say({ channel_data: `${data} ` });
    await say({ channel_data: JSON.stringify({ user_id: 'ada', user_info: { role: 'admin' } }) });
    await say({});
    await say({ channel: 'presence-room.2', channel_data: data });
    await say({ channel: 'private-room.1', channel_data: data });
    await say({ channel: 'private-desk.bob' });
    const { body: signin } = await signed(host, 'ada', 'user-auth', { socket_id: socketId });
    const userData = signin['user_data'] ?? '';
    await isRefused(client, 'pusher:signin', { ...signin, user_data: userData.replace('"ada"', '"bob"') });
    await isRefused(client, 'pusher:signin', {
      ...signin,
      user_data: `{"watchlist":["bob"],${userData.slice(1)}`,
    });
  });

  test('holds for no other purpose: not a signin for a subscription, nor one of either for the other', async () => {
    const host = await start();
    const client = host.raw();
    const id = await client.greeted();
    const { auth: forSignin, user_data } = userAuth(host.app, id, { id: 'ada' });
    const { auth: forChannel } = channelAuth(host.app, id, 'private-desk.ada');
    await isRefused(client, 'pusher:subscribe', { channel: 'private-desk.ada', auth: forSignin });
    await isRefused(client, 'pusher:signin', { auth: forChannel, user_data });
    // A signature over "<socket id>::user:<data>" is a signin's; no channel has a name that would make it its own.
    for (const channel of ['', ':user', ':user:{"id":"ada"}']) {
      client.say('pusher:subscribe', { channel, auth: forSignin, channel_data: user_data });
      expect(await client.next()).toMatchObject({ event: 'pusher:error' });
    }
    const webhook = `${host.app.key}:${createHmac('sha256', host.app.secret).update('{}').digest('hex')}`;
    await isRefused(client, 'pusher:signin', { auth: webhook, user_data: '{}' });
  });
});

describe('Another member’s own channel', () => {
  test('is closed to every member but that one, with a signature by the secret too', async () => {
    const host = await start();
    const [thief, owner] = [host.raw(), host.raw()];
    const [thiefId, ownerId] = await Promise.all([thief.greeted(), owner.greeted()]);
    for (const [client, id, member] of [
      [thief, thiefId, 'ada'],
      [owner, ownerId, 'bob'],
    ] as const) {
      client.say('pusher:signin', userAuth(host.app, id, { id: member }));
      expect(await client.next()).toMatchObject({ event: 'pusher:signin_success' });
    }
    const channel = '#server-to-user-bob';
    await isRefused(thief, 'pusher:subscribe', { channel, ...channelAuth(host.app, thiefId, channel) });
    await isRefused(thief, 'pusher:subscribe', {
      channel,
      ...channelAuth(host.app, thiefId, channel, { user_id: 'bob' }),
    });
    // Signed in as one member, a connection becomes no other.
    await isRefused(thief, 'pusher:signin', userAuth(host.app, thiefId, { id: 'bob' }));
    thief.say('pusher:unsubscribe', { channel });
    thief.say('client-hello', {}, channel);
    expect(await thief.next()).toMatchObject({ event: 'pusher:error' });
    await host.runtime.client.relayToMember('bob', 'SECRET_TOLD', { to: 'bob' });
    expect(await owner.next()).toMatchObject({ event: 'SECRET_TOLD', channel });
    await thief.isAnswered();
  });
});

describe('Comparing', () => {
  const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));
  /** Compared with what the operator wrote, and with nothing that comes from outside. */
  const OWN_CONFIGURATION = new Set([
    'known?.secret === secret',
    'config.app.secret === DEVELOPMENT_APP.secret',
    'secret === DEVELOPMENT_APP.secret',
  ]);
  const EQUALITY = new Set([
    ts.SyntaxKind.EqualsEqualsToken,
    ts.SyntaxKind.EqualsEqualsEqualsToken,
    ts.SyntaxKind.ExclamationEqualsToken,
    ts.SyntaxKind.ExclamationEqualsEqualsToken,
  ]);

  test('a signature, a digest or a secret is done in constant time everywhere in the source', () => {
    const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    expect(files.length).toBeGreaterThan(100);
    const found: string[] = [];
    for (const file of files) {
      const source = ts.createSourceFile(
        file,
        readFileSync(join(SOURCE, file), 'utf8'),
        ts.ScriptTarget.ES2023,
      );
      const visit = (node: ts.Node): void => {
        if (ts.isBinaryExpression(node) && EQUALITY.has(node.operatorToken.kind)) {
          const sides = [node.left.getText(source), node.right.getText(source)];
          // Whether there is one, what type it has, how long it is, what it is called: all of that anybody may know.
          const isAboutPresence = sides.some((side) =>
            /^(?:undefined|null|true|false|\d+|'[a-z_]*')$|^typeof |\.length$/.test(side),
          );
          const isSecret = sides.some((side) => /signature|digest|hmac|md5|secret|\bauth\b/i.test(side));
          if (isSecret && !isAboutPresence) found.push(node.getText(source));
        }
        ts.forEachChild(node, visit);
      };
      visit(source);
    }
    expect(found.filter((text) => !OWN_CONFIGURATION.has(text))).toEqual([]);
  });
});
