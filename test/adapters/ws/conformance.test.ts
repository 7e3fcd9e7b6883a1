import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { PresenceChannel } from 'pusher-js';
import { Host } from '../../support/host.js';
import { connected, plainPusher } from '../../support/plain-pusher.js';
import { type Pusher, subscribed } from '../../support/pusher-browser.js';
import { hearing, statesOf } from '../../support/pusher-events.js';
import { channelAuth, userAuth } from '../../support/signing.js';

// The items of the conformance checklist (3.18) that are in no file of their own.

describe('Public channels with pusher-js (3.18 item 6)', () => {
  test('are heard from the subscription to the unsubscription, and from the next one on', async () => {
    const host = await Host.start();
    const [ann, bob] = [plainPusher(host), plainPusher(host)];
    const heard = hearing(ann.subscribe('orders'), 'created');
    const witness = hearing(bob.subscribe('orders'), 'created');
    await Promise.all([subscribed(ann.channel('orders')), subscribed(bob.channel('orders'))]);
    await host.runtime.client.relayToChannel('orders', 'created', 1);
    expect(await heard.next()).toMatchObject({ data: 1 });
    ann.unsubscribe('orders');
    // Nothing answers an unsubscription; what is asked after it is answered after it.
    await subscribed(ann.subscribe('others'));
    await host.runtime.client.relayToChannel('orders', 'created', 2);
    const again = hearing(ann.subscribe('orders'), 'created');
    await subscribed(ann.channel('orders'));
    await host.runtime.client.relayToChannel('orders', 'created', 3);
    expect(await again.next()).toMatchObject({ data: 3 });
    expect(heard.untaken).toEqual([]);
    for (const data of [1, 2, 3]) expect(await witness.next()).toMatchObject({ data });
  });

  test('carry no client events: pusher-js is told so on its connection (item 13)', async () => {
    const host = await Host.start({ gateway: { clientEvents: true } });
    const [ann, bob] = [plainPusher(host), plainPusher(host)];
    const errors = hearing(ann.connection, 'error');
    const heard = hearing(bob.subscribe('orders'), 'client-a', 'created');
    await Promise.all([subscribed(ann.subscribe('orders')), subscribed(bob.channel('orders'))]);
    ann.channel('orders').trigger('client-a', {});
    expect(await errors.next()).toMatchObject({ data: { data: { code: null } } });
    await host.runtime.client.relayToChannel('orders', 'created');
    expect(await heard.next()).toMatchObject({ event: 'created' });
  });
});

describe('Presence with pusher-js (3.18 item 8)', () => {
  test('takes a number for an id: pusher-js finds itself, and the text of the same digits is the same member', async () => {
    const host = await Host.start();
    const ann = plainPusher(host, { channelData: { user_id: 10, user_info: { name: 'Mr. Channels' } } });
    const room = ann.subscribe('presence-room') as PresenceChannel;
    const moves = hearing(room, 'pusher:member_added', 'pusher:member_removed');
    await subscribed(room);
    expect(room.members.me).toEqual({ id: 10, info: { name: 'Mr. Channels' } });
    const tab = plainPusher(host, { channelData: { user_id: '10', user_info: { name: 'Mr. Channels' } } });
    const sameRoom = tab.subscribe('presence-room') as PresenceChannel;
    await subscribed(sameRoom);
    expect(sameRoom.members.count).toBe(1);
    await subscribed(plainPusher(host, { channelData: { user_id: 11 } }).subscribe('presence-room'));
    expect(await moves.next()).toMatchObject({ event: 'pusher:member_added', data: { id: '11' } });
    expect(room.members.count).toBe(2);
  });

  test('gives a member who reloads with another name the new one everywhere, although nobody was away', async () => {
    const host = await Host.start();
    const bob = plainPusher(host, { channelData: { user_id: 'bob' } });
    const room = bob.subscribe('presence-room') as PresenceChannel;
    await subscribed(room);
    const moves = hearing(room, 'pusher:member_added', 'pusher:member_removed');
    const named = (name: string) => ({ channelData: { user_id: 'ann', user_info: { name } } });
    const ann = plainPusher(host, named('Ann'));
    await subscribed(ann.subscribe('presence-room'));
    expect(await moves.next()).toMatchObject({ event: 'pusher:member_added' });
    ann.disconnect();
    const anna = plainPusher(host, named('Anna')).subscribe('presence-room') as PresenceChannel;
    await subscribed(anna);
    expect(anna.members.me).toEqual({ id: 'ann', info: { name: 'Anna' } });
    // The order that every client understands, also one that appends whoever is added.
    expect(await moves.next()).toMatchObject({ event: 'pusher:member_removed', data: { id: 'ann' } });
    expect(await moves.next()).toMatchObject({
      event: 'pusher:member_added',
      data: { id: 'ann', info: { name: 'Anna' } },
    });
    expect(room.members.get('ann')).toEqual({ id: 'ann', info: { name: 'Anna' } });
    expect(room.members.count).toBe(2);
  });

  test('is closed to one member too many, whose connection stays, and open to a further tab of a member', async () => {
    const host = await Host.start({ gateway: { limits: { presenceMembers: 2 } } });
    for (const user_id of ['ann', 'bob']) {
      await subscribed(plainPusher(host, { channelData: { user_id } }).subscribe('presence-room'));
    }
    const cy = plainPusher(host, { channelData: { user_id: 'cy' } });
    const errors = hearing(cy.connection, 'error');
    const room = cy.subscribe('presence-room');
    expect(await errors.next()).toMatchObject({ data: { data: { code: 4009 } } });
    expect([room.subscribed, cy.connection.state]).toEqual([false, 'connected']);
    const tab = plainPusher(host, { channelData: { user_id: 'ann' } }).subscribe('presence-room');
    await subscribed(tab);
    expect((tab as PresenceChannel).members.count).toBe(2);
  });
});

describe('Presence by signin with pusher-js (3.5, 3.18 item 9)', () => {
  test('needs no channel_data: the member is who has signed in, and is known to itself and to others', async () => {
    const host = await Host.start();
    const ann = plainPusher(host, { userData: { id: 'ann', user_info: { name: 'ANN' } } });
    const room = ann.subscribe('presence-room') as PresenceChannel;
    const moves = hearing(room, 'pusher:member_added');
    await subscribed(room);
    expect(room.members.me).toEqual({ id: 'ann', info: { name: 'ANN' } });
    const bob = plainPusher(host, { userData: { id: 'bob', user_info: { name: 'BOB' } } });
    await subscribed(bob.subscribe('presence-room'));
    expect(await moves.next()).toMatchObject({ data: { id: 'bob', info: { name: 'BOB' } } });
  });
});

describe('Signin with pusher-js (3.8, 3.18 item 14)', () => {
  test('that is good sets the user and opens the channel of the user', async () => {
    const host = await Host.start();
    const ann = plainPusher(host, { userData: { id: 'ann', user_info: { name: 'ANN' } } });
    await ann.user.signinDonePromise;
    expect(ann.user.user_data).toEqual({ id: 'ann', user_info: { name: 'ANN' } });
    const heard = hearing(ann.user, 'created');
    await host.runtime.client.relayToMember('ann', 'created', { id: 7 });
    expect(await heard.next()).toMatchObject({ data: { id: 7 } });
  });

  test.each([
    ['a signature of another socket', (host: Host) => userAuth(host.app, '1.2', { id: 'ann' })],
    [
      'a signature of another key',
      (host: Host, id: string) => userAuth({ ...host.app, key: 'other' }, id, { id: 'ann' }),
    ],
    [
      'a signature of another secret',
      (host: Host, id: string) => userAuth({ ...host.app, secret: 'other' }, id, { id: 'ann' }),
    ],
    ['a user without an id', (host: Host, id: string) => userAuth(host.app, id, { user_info: {} })],
  ])('with %s is answered 4009, signs nobody in, and leaves the connection', async (_, sign) => {
    const host = await Host.start();
    const pusher = plainPusher(host, {
      authenticate: ({ socketId }, answer) => {
        answer(null, sign(host, socketId));
      },
    });
    expect(await hearing(pusher.connection, 'error').next()).toMatchObject({
      data: { data: { code: 4009 } },
    });
    expect(pusher.user.user_data).toBeNull();
    expect(await host.runtime.client.onlineMembers(['ann'])).toEqual(new Set());
    await subscribed(pusher.subscribe('orders'));
  });

  test('as a second user is refused on the same connection: the first stays (raw, pusher-js signs in once)', async () => {
    const host = await Host.start();
    const client = host.raw();
    const socketId = await client.greeted();
    client.say('pusher:signin', userAuth(host.app, socketId, { id: 'ann' }));
    expect(await client.next()).toMatchObject({ event: 'pusher:signin_success' });
    client.say('pusher:signin', userAuth(host.app, socketId, { id: 'bob' }));
    expect(await client.next()).toMatchObject({ event: 'pusher:error', data: { code: 4009 } });
    expect(await host.runtime.client.onlineMembers(['ann', 'bob'])).toEqual(new Set(['ann']));
    await host.runtime.client.relayToMember('bob', 'created');
    await client.isAnswered();
  });
});

describe('A second subscription to a channel (3.3, 3.18 item 20)', () => {
  test('is answered with an error of the code null; the first one and the connection stay (raw)', async () => {
    const host = await Host.start();
    const client = host.raw();
    await client.greeted();
    for (let i = 0; i < 2; i++) client.say('pusher:subscribe', { channel: 'orders', auth: '' });
    expect(await client.next()).toMatchObject({ event: 'pusher_internal:subscription_succeeded' });
    const { event, data } = await client.next();
    expect(event).toBe('pusher:error');
    expect(data).toEqual({ code: null, message: 'Existing subscription to channel orders' });
    await host.runtime.client.relayToChannel('orders', 'created');
    expect(await client.next()).toEqual({ event: 'created', channel: 'orders' });
    await client.isAnswered();
  });
});

describe('A connection that proves nothing in time (3.8)', () => {
  test('is closed with 4009: pusher-js stops for good, and whoever has signed in stays', async () => {
    const host = await Host.start({ gateway: { limits: { unauthorizedS: 1 } } });
    let connections = 0;
    host.topology.onConnection(() => connections++);
    const member = plainPusher(host, { userData: { id: 'ann' } });
    await member.user.signinDonePromise;
    const subscriber = plainPusher(host);
    await subscribed(subscriber.subscribe('private-orders'));
    const stranger = plainPusher(host);
    await connected(stranger);
    const states = statesOf(stranger);
    expect(await states.next()).toBe('disconnected');
    // A client that connects now comes after any connection that pusher-js would retry at once.
    await host.raw().greeted();
    expect(connections).toBe(4);
    expect(states.untaken).toEqual([]);
    expect([member.connection.state, subscriber.connection.state]).toEqual(['connected', 'connected']);
  });
});

describe('A binary message (3.1)', () => {
  test('is answered with an error of the code null, is not read, and leaves the connection (raw)', async () => {
    const host = await Host.start();
    const client = host.raw();
    await client.greeted();
    client.socket.send(Buffer.from('{"event":"pusher:subscribe","data":{"channel":"orders"}}'));
    expect(await client.next()).toMatchObject({ event: 'pusher:error', data: { code: null } });
    await client.isAnswered();
    expect(await host.engines.isOccupied('orders')).toBe(false);
  });
});

describe('The frames of one connection (3.2, 3.17)', () => {
  test('are handled strictly in order, whatever each costs (raw)', async () => {
    const host = await Host.start({ gateway: { limits: { messagesPerSecond: 0, subscribesPerSecond: 0 } } });
    const client = host.raw();
    const socketId = await client.greeted();
    const expected: string[] = [];
    for (let i = 0; i < 100; i++) {
      client.say('pusher:subscribe', { channel: `orders-${i}`, auth: '' });
      client.socket.send('['.repeat(30_000));
      client.say('pusher:subscribe', {
        channel: `private-${i}`,
        ...channelAuth(host.app, socketId, `private-${i}`),
      });
      client.say('pusher:unsubscribe', { channel: `orders-${i}` });
      client.say('pusher:ping');
      expected.push(`orders-${i}`, 'pusher:error', `private-${i}`, 'pusher:pong');
    }
    const answers: string[] = [];
    while (answers.length < expected.length) {
      const { event, channel } = await client.next();
      answers.push(channel ?? event);
    }
    expect(answers).toEqual(expected);
    await client.isAnswered();
    expect(await host.engines.occupied('orders-')).toEqual([]);
    expect(await host.engines.occupied('private-')).toHaveLength(100);
  });

  test('may come in pieces with a ping between them (raw)', async () => {
    const host = await Host.start();
    const client = host.raw();
    await client.greeted();
    const text = '{"event":"pusher:subscribe","data":{"channel":"orders","auth":""}}';
    const pong = once(client.socket, 'pong') as Promise<[Buffer]>;
    client.socket.send(text.slice(0, 10), { fin: false });
    client.socket.ping('in between');
    client.socket.send(text.slice(10, 40), { fin: false });
    client.socket.send(text.slice(40), { fin: true });
    expect((await pong)[0].toString()).toBe('in between');
    expect(await client.next()).toMatchObject({ event: 'pusher_internal:subscription_succeeded' });
  });

  test('reach pusher-js in the order in which they were sent, over all its channels', async () => {
    const host = await Host.start({ gateway: { clientEvents: true, limits: { clientEventsPerSecond: 0 } } });
    const ann = plainPusher(host, { userData: { id: 'ann' } });
    const bob = plainPusher(host);
    const heard = [ann.subscribe('orders'), ann.subscribe('private-orders'), ann.user].map((emitter) =>
      hearing(emitter, 'moved', 'client-moved'),
    );
    const all = hearing(ann.connection, 'message');
    await ann.user.signinDonePromise;
    await Promise.all([
      subscribed(ann.channel('orders')),
      subscribed(ann.channel('private-orders')),
      subscribed(bob.subscribe('private-orders')),
    ]);
    for (let n = 0; n < 300; n += 3) {
      await host.runtime.client.relayToChannel('orders', 'moved', n);
      await host.runtime.client.relayToMember('ann', 'moved', n + 1);
      await host.runtime.client.relayToChannel('private-orders', 'moved', n + 2);
    }
    for (let n = 300; n < 400; n++) bob.channel('private-orders').trigger('client-moved', n);
    const numbers: unknown[] = [];
    while (numbers.length < 400) {
      const { event, data } = (await all.next()).data as { event: string; data: unknown };
      if (event.endsWith('moved')) numbers.push(data);
    }
    expect(numbers).toEqual(Array.from({ length: 400 }, (_, n) => n));
    expect(heard.map(({ untaken }) => untaken.length)).toEqual([100, 200, 100]);
  });
});

describe('After a reconnect pusher-js is where it was (3.18 item 27)', () => {
  const CHANNELS = [
    'orders',
    'cache-orders',
    'private-orders',
    'private-cache-orders',
    'private-encrypted-orders',
    'presence-room',
    'presence-cache-room',
  ];

  test.each<[string, (host: Host, sockets: ReadonlySet<Socket>) => unknown]>([
    ['after a restart, by 4200 (3.11)', ({ topology }) => topology.sendEverybodyAway()],
    [
      'after a connection that broke without a word (3.11)',
      (_, sockets) => {
        for (const socket of sockets) socket.destroy();
      },
    ],
  ])(
    'signed in and subscribed to channels of every type %s',
    async (_, breakOff) => {
      const masterKey = randomBytes(32);
      const host = await Host.start({ encryptionMasterKey: masterKey.toString('base64') });
      const sockets = new Set<Socket>();
      host.topology.onConnection((socket) => sockets.add(socket));
      const ann = everything(host, masterKey);
      const before = await connected(ann);
      await ann.user.signinDonePromise;
      await Promise.all(CHANNELS.map((name) => subscribed(ann.subscribe(name))));
      const again = CHANNELS.map((name) =>
        hearing(ann.channel(name), 'pusher:subscription_succeeded', 'created'),
      );
      const toMember = hearing(ann.user, 'created');
      await breakOff(host, sockets);
      for (const each of again) {
        expect(await each.next()).toMatchObject({ event: 'pusher:subscription_succeeded' });
      }
      expect(ann.connection.socket_id).not.toBe(before);
      for (const [index, name] of CHANNELS.entries()) {
        await host.runtime.client.relayToChannel(name, 'created', { in: name });
        expect(await again[index]?.next()).toMatchObject({ event: 'created', data: { in: name } });
      }
      await host.runtime.client.relayToMember('ann', 'created', 7);
      expect(await toMember.next()).toMatchObject({ data: 7 });
    },
    15_000,
  );
});

/** Ann, to whom every channel is open. */
function everything(host: Host, masterKey: Buffer): Pusher {
  return plainPusher(host, {
    userData: { id: 'ann' },
    authorize: ({ socketId, channelName }, answer) => {
      const shared_secret = createHash('sha256').update(channelName).update(masterKey).digest('base64');
      answer(null, { ...channelAuth(host.app, socketId, channelName), shared_secret });
    },
  });
}
