import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, createServer } from 'node:net';
import {
  AuthorizeChannel,
  type ChannelAuthorizer,
  type Identity,
  SocketService,
  SocketUsageError,
} from 'nestjs-switchboard';
import { connect, type SwitchboardSocket } from 'nestjs-switchboard/browser';
import nacl from 'tweetnacl';
import { Host } from '../../support/host.js';
import { connected, plainPusher } from '../../support/plain-pusher.js';
import { Pusher, subscribed } from '../../support/pusher-browser.js';
import { Heard, hearing } from '../../support/pusher-events.js';
import type { RawClient } from '../../support/raw-client.js';
import { channelAuth } from '../../support/signing.js';
import { onTeardown } from '../../support/teardown.js';
import { titled } from '../../support/titled.js';

// In Node the package `pusher-js` is its build with encryption: dist/node/pusher.js is made of pusher-with-encryption.ts,
// the entry point `pusher-js/with-encryption` is the same for browsers.

@AuthorizeChannel('private-encrypted-desk.{memberId}')
class DeskChannel implements ChannelAuthorizer<{ memberId: string }> {
  authorize(member: Identity, { memberId }: { memberId: string }): boolean {
    return memberId === 'all' || member.id === memberId;
  }
}

@AuthorizeChannel('private-encrypted-cache-{name}')
class CacheChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

const ALL = 'private-encrypted-desk.all';
const CACHED = 'private-encrypted-cache-orders';

const TEXT = { message: 'hello' };

const newKey = () => randomBytes(32).toString('base64');

const start = (encryptionMasterKey?: string) =>
  Host.start({
    ...(encryptionMasterKey !== undefined && { encryptionMasterKey }),
    gateway: { clientEvents: true },
    providers: [DeskChannel, CacheChannel],
  });

/** The channel's key, by the words of the specification and without the code under test. */
const channelKey = (channel: string, masterKey: string): Buffer =>
  createHash('sha256')
    .update(Buffer.concat([Buffer.from(channel, 'utf8'), Buffer.from(masterKey, 'base64')]))
    .digest();

/** The encrypted data on the wire, and their text for a client that has the key. */
function opened(data: unknown, key: Buffer): { nonce: Buffer; text: string } {
  const fields = JSON.parse(data as string) as Record<string, string>;
  expect(Object.keys(fields).sort()).toEqual(['ciphertext', 'nonce']);
  const [nonce, ciphertext] = [
    Buffer.from(fields['nonce'] ?? '', 'base64'),
    Buffer.from(fields['ciphertext'] ?? '', 'base64'),
  ];
  const bytes = nacl.secretbox.open(ciphertext, nonce, key);
  if (bytes === null) throw new Error('the key does not open it');
  return { nonce, text: Buffer.from(bytes).toString('utf8') };
}

async function askAuth(host: Host, memberId: string, channel: string, socketId = '1.2') {
  const response = await fetch(`${host.url}/socket/auth`, {
    method: 'POST',
    headers: { 'x-member': memberId },
    body: new URLSearchParams({ socket_id: socketId, channel_name: channel }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Every event of a channel. Bound to one event, pusher-js would hand on no falsy payload of an encrypted channel. */
async function everythingOn(socket: SwitchboardSocket<Pusher>, name: string) {
  const heard = new Heard<{ event: string; data: unknown }>();
  const channel = socket.channel(name);
  await subscribed(channel);
  channel.bind_global((event: string, data: unknown) => {
    heard.push({ event, data });
  });
  return heard;
}

/** Somebody on the wire who has the signature and not the key. */
async function eavesdropper(host: Host, channel: string): Promise<RawClient> {
  const client = host.raw();
  const socketId = await client.greeted();
  client.say('pusher:subscribe', { channel, ...channelAuth(host.app, socketId, channel) });
  expect(await client.next()).toMatchObject({ event: 'pusher_internal:subscription_succeeded' });
  return client;
}

describe('An encrypted channel with pusher-js (3.9)', () => {
  test('is read by every subscriber', async () => {
    const host = await start(newKey());
    const [ann, bob] = [await host.browser('ann'), await host.browser('bob')];
    const heard = [ann, bob].map((socket) => hearing(socket.channel(ALL), 'created'));
    await Promise.all([ann, bob].map((socket) => subscribed(socket.channel(ALL))));
    await host.runtime.client.relayToChannel(ALL, 'created', { id: 7, text: 'ü💬' });
    for (const each of heard) {
      expect(await each.next()).toEqual({ event: 'created', data: { id: 7, text: 'ü💬' } });
    }
  });

  const texts = ['123', '', 'plain', '"quoted"', 'ü💬\u0000\u2028', '{"a":1}', 'null', 'x'.repeat(7_000)];
  const values = [123, 0, -0.5, true, false, null, [], {}, [[1], { a: null }], { '': '' }];

  test.each(titled<unknown>([...texts, ...values]))('brings the payload %s as it was', async (_, payload) => {
    const host = await start(newKey());
    const heard = await everythingOn(await host.browser('ann'), ALL);
    await host.runtime.client.relayToChannel(ALL, 'created', payload);
    expect(await heard.next()).toEqual({ event: 'created', data: payload });
  });

  test('brings an event without a payload as one whose text is empty: pusher-js needs a ciphertext', async () => {
    const host = await start(newKey());
    const heard = await everythingOn(await host.browser('ann'), ALL);
    await host.runtime.client.relayToChannel(ALL, 'created');
    expect(await heard.next()).toEqual({ event: 'created', data: '' });
  });

  test('works through SocketService too', async () => {
    const host = await start(newKey());
    const ann = await host.browser('ann');
    const heard = hearing(ann.channel(ALL), 'ANNOUNCED');
    await subscribed(ann.channel(ALL));
    const service = host.nest.get(SocketService);
    expect(await service.relayToChannel(ALL, 'ANNOUNCED', TEXT)).toMatchObject({ status: 'sent' });
    expect(await heard.next()).toEqual({ event: 'ANNOUNCED', data: TEXT });
  });

  test('leaves out the connection that it is told to', async () => {
    const host = await start(newKey());
    const [ann, bob] = [await host.browser('ann'), await host.browser('bob')];
    const [toAnn, toBob] = [ann, bob].map((socket) => hearing(socket.channel(ALL), 'created', 'done'));
    await Promise.all([ann, bob].map((socket) => subscribed(socket.channel(ALL))));
    const exceptSocketId = ann.pusher.connection.socket_id;
    await host.runtime.client.relayToChannel(ALL, 'created', 1, { exceptSocketId });
    await host.runtime.client.relayToChannel(ALL, 'done', 2);
    expect(await toBob?.next()).toMatchObject({ event: 'created' });
    expect(await toAnn?.next()).toMatchObject({ event: 'done' });
  });

  test('is closed to whom its authorizer does not admit, who learns no key', async () => {
    const host = await start(newKey());
    const ann = await host.browser('ann');
    const heard = hearing(ann.channel('private-encrypted-desk.bob'), 'pusher:subscription_error');
    expect(await heard.next()).toMatchObject({ data: { type: 'AuthError', status: 403 } });
    const { status, body } = await askAuth(host, 'ann', 'private-encrypted-desk.bob');
    expect(status).toBe(403);
    expect(body).not.toHaveProperty('shared_secret');
  });
});

describe('An encrypted channel on the wire (3.9)', () => {
  test('is a nonce of 24 bytes and a ciphertext that the channel’s own key opens, and nothing readable', async () => {
    const masterKey = newKey();
    const host = await start(masterKey);
    const client = await eavesdropper(host, ALL);
    await host.runtime.client.relayToChannel(ALL, 'created', { secret: 'aardvark' });
    const frame = await client.next();
    expect(frame).toMatchObject({ event: 'created', channel: ALL });
    expect(JSON.stringify(frame)).not.toContain('aardvark');
    const { nonce, text } = opened(frame.data, channelKey(ALL, masterKey));
    expect(nonce).toHaveLength(24);
    expect(text).toBe('{"secret":"aardvark"}');
  });

  test('never has the same nonce twice', async () => {
    const masterKey = newKey();
    const host = await start(masterKey);
    const client = await eavesdropper(host, ALL);
    const nonces = new Set<string>();
    for (let i = 0; i < 100; i++) {
      await host.runtime.client.relayToChannel(ALL, 'created', 'the same');
      const { nonce } = opened((await client.next()).data, channelKey(ALL, masterKey));
      nonces.add(nonce.toString('hex'));
    }
    expect(nonces.size).toBe(100);
  });

  test('has a key for each channel, which /socket/auth tells as shared_secret beside the usual signature', async () => {
    const masterKey = newKey();
    const host = await start(masterKey);
    for (const channel of [ALL, 'private-encrypted-desk.ann', CACHED]) {
      expect(await askAuth(host, 'ann', channel)).toEqual({
        status: 200,
        body: {
          ...channelAuth(host.app, '1.2', channel),
          shared_secret: channelKey(channel, masterKey).toString('base64'),
        },
      });
    }
  });

  test('has no shared_secret where nothing is encrypted', async () => {
    const host = await Host.start({ encryptionMasterKey: newKey(), broadcastChannel: 'private-all' });
    const { status, body } = await askAuth(host, 'ann', 'private-all');
    expect([status, Object.keys(body)]).toEqual([200, ['auth']]);
  });

  test('is encrypted only where the name begins so: anything else is readable', async () => {
    const host = await start(newKey());
    const client = host.raw();
    await client.greeted();
    client.say('pusher:subscribe', { channel: 'x-private-encrypted-y', auth: '' });
    await client.next();
    await host.runtime.client.relayToChannel('x-private-encrypted-y', 'created', { id: 7 });
    expect((await client.next()).data).toBe('{"id":7}');
  });

  test('carries client events as they came: the protocol does not forbid them, pusher-js does not send them (3.7)', async () => {
    const host = await start(newKey());
    const [ann, bob] = [await eavesdropper(host, ALL), await eavesdropper(host, ALL)];
    ann.say('client-typed', { nonce: 'n', ciphertext: 'c' }, ALL);
    expect(await bob.next()).toEqual({
      event: 'client-typed',
      channel: ALL,
      data: '{"nonce":"n","ciphertext":"c"}',
    });
  });
});

describe('Without a master key an encrypted channel is refused (3.9)', () => {
  test('to the browser: /socket/auth answers 403 and pusher-js is not subscribed', async () => {
    const host = await start();
    const ann = await host.browser('ann');
    const channel = ann.channel(ALL);
    expect(await hearing(channel, 'pusher:subscription_error').next()).toMatchObject({
      data: { type: 'AuthError', status: 403 },
    });
    expect(channel.subscribed).toBe(false);
    expect(ann.pusher.connection.state).toBe('connected');
    expect((await askAuth(host, 'ann', ALL)).body).not.toHaveProperty('shared_secret');
  });

  test.each([ALL, CACHED])(
    'to the backend: a relay to %s is a mistake, and nothing is sent',
    async (channel) => {
      const host = await start();
      const client = await eavesdropper(host, channel);
      // The cache channel has something to say of its own.
      if (channel === CACHED) expect(await client.next()).toMatchObject({ event: 'pusher:cache_miss' });
      await expect(host.runtime.client.relayToChannel(channel, 'created', 'aardvark')).rejects.toThrow(
        SocketUsageError,
      );
      await expect(host.nest.get(SocketService).relayToChannel(channel, 'ANNOUNCED', TEXT)).rejects.toThrow(
        /SOCKET_ENCRYPTION_MASTER_KEY/,
      );
      await client.isAnswered();
    },
  );
});

describe('When the master key changes (3.9)', () => {
  test('a backend that restarts with another key is read again: pusher-js asks once more for the channel’s key', async () => {
    const asked: string[] = [];
    const front = await frontOf(await start(newKey()));
    const headers = () => {
      asked.push('auth');
      return { 'x-member': 'ann' };
    };
    const ann = await connect(Pusher, { url: front.url, headers });
    onTeardown(() => {
      ann.disconnect();
    });
    const heard = hearing(ann.channel(ALL), 'created', 'pusher:subscription_succeeded');
    expect(await heard.next()).toMatchObject({ event: 'pusher:subscription_succeeded' });
    await front.backend.runtime.client.relayToChannel(ALL, 'created', 'before');
    expect(await heard.next()).toEqual({ event: 'created', data: 'before' });
    const askedBefore = asked.length;

    await front.restart(await start(newKey()));
    expect(await heard.next()).toMatchObject({ event: 'pusher:subscription_succeeded' });
    for (const text of ['after', 'and again']) {
      await front.backend.runtime.client.relayToChannel(ALL, 'created', text);
      expect(await heard.next()).toEqual({ event: 'created', data: text });
    }
    // The signin of the new connection, and the channel's key.
    expect(asked.length - askedBefore).toBe(2);
  });

  test('a client that still has the old key asks once and reads the event that it could not, and all later ones', async () => {
    const masterKey = newKey();
    const host = await start(masterKey);
    const secrets = [newKey(), channelKey(ALL, masterKey).toString('base64')];
    let asked = 0;
    const pusher = plainPusher(host, {
      authorize: ({ socketId, channelName }, answer) => {
        const secret = secrets[asked++] ?? 'asked too often';
        answer(null, { ...channelAuth(host.app, socketId, channelName), shared_secret: secret });
      },
    });
    const heard = hearing(pusher.subscribe(ALL), 'created', 'pusher:subscription_succeeded');
    expect(await heard.next()).toMatchObject({ event: 'pusher:subscription_succeeded' });
    for (const text of ['first', 'second', 'third']) {
      await host.runtime.client.relayToChannel(ALL, 'created', text);
      expect(await heard.next()).toEqual({ event: 'created', data: text });
    }
    expect(asked).toBe(2);
  });

  test('a client that is given the wrong key only misses what is encrypted, and stays connected', async () => {
    const host = await start(newKey());
    let asked = 0;
    const pusher = plainPusher(host, {
      authorize: ({ socketId, channelName }, answer) => {
        asked++;
        answer(null, { ...channelAuth(host.app, socketId, channelName), shared_secret: newKey() });
      },
    });
    const [secret, open] = [pusher.subscribe(ALL), pusher.subscribe('orders')];
    const [unread, heard] = [hearing(secret, 'created'), hearing(open, 'created')];
    await Promise.all([subscribed(secret), subscribed(open)]);
    await host.runtime.client.relayToChannel(ALL, 'created', 1);
    await host.runtime.client.relayToChannel('orders', 'created', 2);
    expect(await heard.next()).toEqual({ event: 'created', data: 2 });
    expect(unread.untaken).toEqual([]);
    expect(asked).toBe(2);
    expect(pusher.connection.state).toBe('connected');
  });
});

describe('An encrypted cache channel with pusher-js (3.9)', () => {
  test('keeps the ciphertext: whoever comes late reads it with the channel’s key', async () => {
    const masterKey = newKey();
    const host = await start(masterKey);
    await host.runtime.client.relayToChannel(CACHED, 'created', { secret: 'aardvark' });
    const ann = await host.browser('ann');
    const heard = hearing(
      ann.channel(CACHED),
      'pusher:subscription_succeeded',
      'created',
      'pusher:cache_miss',
    );
    expect(await heard.next()).toMatchObject({ event: 'pusher:subscription_succeeded' });
    expect(await heard.next()).toEqual({ event: 'created', data: { secret: 'aardvark' } });
    const client = await eavesdropper(host, CACHED);
    const frame = await client.next();
    expect(frame).toMatchObject({ event: 'created', channel: CACHED });
    expect(opened(frame.data, channelKey(CACHED, masterKey)).text).toBe('{"secret":"aardvark"}');
  });

  test('says pusher:cache_miss in clear', async () => {
    const host = await start(newKey());
    const ann = await host.browser('ann');
    const heard = hearing(ann.channel(CACHED), 'pusher:cache_miss');
    expect(await heard.next()).toEqual({ event: 'pusher:cache_miss', data: undefined });
  });
});

describe('pusher-js of this test', () => {
  test('is the build with encryption', async () => {
    const host = await start(newKey());
    const pusher = plainPusher(host);
    await connected(pusher);
    expect(() => pusher.subscribe(ALL).trigger('client-x', {})).toThrow(/encrypted channels/);
  });
});

/** An address that stays while backends come and go behind it, as a proxy's does. */
async function frontOf(first: Host) {
  let backend = first;
  const server = createServer((socket) => {
    const upstream = connectTcp(backend.port, '127.0.0.1');
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
    onTeardown(() => socket.destroy());
  });
  onTeardown(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    get backend() {
      return backend;
    },
    /** Another backend takes over, and the old one goes away. */
    restart: async (next: Host) => {
      const old = backend;
      backend = next;
      await old.close();
    },
  };
}
