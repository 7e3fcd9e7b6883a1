import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { AuthorizeChannel, type ChannelAuthorizer, type Identity } from 'nestjs-switchboard';
import { connect } from 'nestjs-switchboard/browser';
import type { PresenceChannel } from 'pusher-js';
import { Host, type HostOptions, portOf } from '../../support/host.js';
import { Pusher, subscribed } from '../../support/pusher-browser.js';
import { hearing, statesOf } from '../../support/pusher-events.js';
import { onTeardown } from '../../support/teardown.js';

@AuthorizeChannel('presence-room.{room}')
class RoomChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

@AuthorizeChannel('private-desk.{memberId}')
class DeskChannel implements ChannelAuthorizer<{ memberId: string }> {
  authorize(member: Identity, { memberId }: { memberId: string }): boolean {
    return member.id === memberId;
  }
}

const ROOM = 'presence-room.1';

const start = (gateway: HostOptions['gateway'] = {}) =>
  Host.start({
    gateway: { clientEvents: true, presenceGraceMs: 0, ...gateway },
    providers: [RoomChannel, DeskChannel],
  });

/** A member in the room, who hears who comes and goes. */
async function inRoom(host: Host, memberId: string) {
  const socket = await host.browser(memberId);
  const channel = socket.channel(ROOM) as PresenceChannel;
  const moves = hearing(channel, 'pusher:member_added', 'pusher:member_removed');
  await subscribed(channel);
  return { socket, channel, moves, present: () => Object.keys(channel.members.members as object).sort() };
}

describe('Presence with pusher-js (3.6)', () => {
  test('shows two members each other, coming and going', async () => {
    const host = await start();
    const ann = await inRoom(host, 'ann');
    expect(ann.present()).toEqual(['ann']);
    const bob = await inRoom(host, 'bob');
    expect(bob.present()).toEqual(['ann', 'bob']);
    expect(await ann.moves.next()).toEqual({
      event: 'pusher:member_added',
      data: { id: 'bob', info: { name: 'BOB' } },
    });
    expect(ann.channel.members.count).toBe(2);
    bob.socket.pusher.unsubscribe(ROOM);
    expect(await ann.moves.next()).toMatchObject({ event: 'pusher:member_removed', data: { id: 'bob' } });
    expect(ann.present()).toEqual(['ann']);
    expect(bob.moves.untaken).toEqual([]);
  });

  test('knows the member itself', async () => {
    const host = await start();
    const { channel } = await inRoom(host, 'ann');
    expect(channel.members.me).toEqual({ id: 'ann', info: { name: 'ANN' } });
  });

  test('counts a member with several tabs once, until the last tab is closed', async () => {
    const host = await start();
    const bob = await inRoom(host, 'bob');
    const tabs = [await inRoom(host, 'ann'), await inRoom(host, 'ann'), await inRoom(host, 'ann')];
    expect(await bob.moves.next()).toMatchObject({ event: 'pusher:member_added', data: { id: 'ann' } });
    tabs[0]?.socket.disconnect();
    tabs[1]?.socket.pusher.unsubscribe(ROOM);
    // The next arrival is told to Bob after everything that the tabs made the gateway say.
    await inRoom(host, 'cy');
    expect(await bob.moves.next()).toMatchObject({ event: 'pusher:member_added', data: { id: 'cy' } });
    tabs[2]?.socket.disconnect();
    expect(await bob.moves.next()).toMatchObject({ event: 'pusher:member_removed', data: { id: 'ann' } });
    expect(bob.present()).toEqual(['bob', 'cy']);
  });

  test('hears nothing of a member whose page is reloaded within the grace period', async () => {
    const host = await start({ presenceGraceMs: 600_000 });
    const bob = await inRoom(host, 'bob');
    const ann = await inRoom(host, 'ann');
    await bob.moves.next();
    ann.socket.disconnect();
    const reloaded = await inRoom(host, 'ann');
    expect(reloaded.present()).toEqual(['ann', 'bob']);
    await inRoom(host, 'cy');
    expect(await bob.moves.next()).toMatchObject({ event: 'pusher:member_added', data: { id: 'cy' } });
  });
});

describe('Private channels with pusher-js (3.5)', () => {
  test('are open to whom the authorizer admits, and closed to others, whose connection stays', async () => {
    const host = await start();
    const [ann, bob] = [await host.browser('ann'), await host.browser('bob')];
    await subscribed(ann.channel('private-desk.ann'));
    const refusal = hearing(bob.channel('private-desk.ann'), 'pusher:subscription_error');
    expect(await refusal.next()).toMatchObject({ data: { type: 'AuthError', status: 403 } });
    await subscribed(bob.channel('private-desk.bob'));
    const heard = hearing(ann.channel('private-desk.ann'), 'created');
    await host.runtime.client.relayToChannel('private-desk.ann', 'created', { id: 7 });
    expect(await heard.next()).toEqual({ event: 'created', data: { id: 7 } });
    expect(bob.pusher.connection.state).toBe('connected');
  });

  test('are closed to a signature that pusher-js was given by somebody else', async () => {
    const host = await start();
    const pusher = connectTo(host, host.app.key, (_channel, answer) => {
      answer(null, { auth: `${host.app.key}:${'0'.repeat(64)}` });
    });
    const errors = hearing(pusher.connection, 'error');
    const channel = pusher.subscribe('private-desk.ann');
    expect(await errors.next()).toMatchObject({ data: { data: { code: 4009 } } });
    expect(channel.subscribed).toBe(false);
    expect(pusher.connection.state).toBe('connected');
  });
});

describe('Client events with pusher-js (3.7)', () => {
  test('reach the others with the sender’s id, and not the sender', async () => {
    const host = await start();
    const [ann, bob] = [await inRoom(host, 'ann'), await inRoom(host, 'bob')];
    const [toAnn, toBob] = [hearing(ann.channel, 'client-a'), hearing(bob.channel, 'client-a')];
    ann.channel.trigger('client-a', { text: 'hello' });
    expect(await toBob.next()).toEqual({ event: 'client-a', data: { text: 'hello' }, userId: 'ann' });
    bob.channel.trigger('client-a', 'back');
    expect(await toAnn.next()).toEqual({ event: 'client-a', data: 'back', userId: 'bob' });
    expect(toBob.untaken).toEqual([]);
  });

  test('are refused with an error on the connection where they are off', async () => {
    const host = await start({ clientEvents: false });
    const [ann, bob] = [await inRoom(host, 'ann'), await inRoom(host, 'bob')];
    const heard = hearing(bob.channel, 'client-a', 'created');
    const errors = hearing(ann.socket.pusher.connection, 'error');
    ann.channel.trigger('client-a', {});
    expect(await errors.next()).toMatchObject({ data: { data: { code: null } } });
    await host.runtime.client.relayToChannel(ROOM, 'created');
    expect(await heard.next()).toMatchObject({ event: 'created' });
    expect(ann.socket.pusher.connection.state).toBe('connected');
  });

  test('are answered 4301 when there are more than 10 in a second, and pusher-js stays connected', async () => {
    const host = await start();
    const { socket, channel } = await inRoom(host, 'ann');
    const errors = hearing(socket.pusher.connection, 'error');
    for (let i = 0; i < 11; i++) channel.trigger('client-a', i);
    expect(await errors.next()).toMatchObject({ data: { data: { code: 4301 } } });
    expect(socket.pusher.connection.state).toBe('connected');
  });
});

describe('The codes that make pusher-js stop or come back (3.11)', () => {
  test('is stopped for good by 4001: it does not connect again by itself', async () => {
    const host = await start();
    let attempts = 0;
    host.topology.onConnection(() => attempts++);
    const pusher = connectTo(host, 'nobody');
    const errors = hearing(pusher.connection, 'error');
    const states = statesOf(pusher);
    expect(await errors.next()).toMatchObject({ data: { error: { data: { code: 4001 } } } });
    expect(await states.next()).toBe('disconnected');
    // A client that connects now comes after any connection that pusher-js would retry at once.
    await host.raw().greeted();
    expect(attempts).toBe(2);
    expect(states.untaken).toEqual([]);
  });

  test('is stopped for good by a termination with 4009, on all the member’s tabs', async () => {
    const host = await start();
    const tabs = [await host.browser('ann'), await host.browser('ann')];
    const bob = await host.browser('bob');
    const states = tabs.map(({ pusher }) => statesOf(pusher));
    await host.runtime.client.disconnectMember('ann');
    for (const state of states) expect(await state.next()).toBe('disconnected');
    await host.raw().greeted();
    for (const state of states) expect(state.untaken).toEqual([]);
    expect(bob.pusher.connection.state).toBe('connected');
  });

  test('comes back at once after 4200, signs in and subscribes again', async () => {
    const host = await start();
    const { socket, channel } = await inRoom(host, 'ann');
    const before = socket.pusher.connection.socket_id;
    const again = hearing(channel, 'pusher:subscription_succeeded', 'created');
    const toMember = hearing(socket.pusher.user, 'created');
    await host.topology.sendEverybodyAway();
    expect(await again.next()).toMatchObject({ event: 'pusher:subscription_succeeded' });
    expect(socket.pusher.connection.socket_id).not.toBe(before);
    await host.runtime.client.relayToChannel(ROOM, 'created', 1);
    expect(await again.next()).toEqual({ event: 'created', data: 1 });
    await host.runtime.client.relayToMember('ann', 'created', 2);
    expect(await toMember.next()).toMatchObject({ data: 2 });
  });

  test('tries to come back when the application closes: it is told to come back, and not to stay away', async () => {
    const host = await start();
    const ann = await host.browser('ann');
    const states = statesOf(ann.pusher);
    await host.close();
    expect(await states.next()).toBe('connecting');
    ann.disconnect();
  });

  test('stays through the pings of both sides when nothing happens (3.10)', async () => {
    const host = await start({ activityTimeoutS: 1, pongTimeoutS: 1 });
    const ann = await host.browser('ann');
    const states = statesOf(ann.pusher);
    const heard = hearing(ann.pusher.connection, 'message');
    const before = ann.pusher.connection.socket_id;
    for (let pings = 0; pings < 3;) {
      const { data } = await heard.next();
      if (/^pusher:p[io]ng$/.test((data as { event: string }).event)) pings++;
    }
    expect(ann.pusher.connection.socket_id).toBe(before);
    expect(states.untaken).toEqual([]);
  }, 20_000);
});

test('A member behind a proxy that ends silent connections stays, although nothing happens', async () => {
  const host = await start({ activityTimeoutS: 1, pongTimeoutS: 1 });
  const proxy = await impatientProxy(host.port, 2_600);
  const ann = await connect(Pusher, { url: `http://127.0.0.1:${proxy}`, headers: { 'x-member': 'ann' } });
  onTeardown(() => {
    ann.disconnect();
  });
  const states = statesOf(ann.pusher);
  const heard = hearing(ann.pusher.connection, 'message');
  // Four seconds at least, because each side pings after one.
  for (let pings = 0; pings < 4;) {
    const { data } = await heard.next();
    if (/^pusher:p[io]ng$/.test((data as { event: string }).event)) pings++;
  }
  expect(states.untaken).toEqual([]);

  // The same proxy ends a connection on which nothing moves.
  await once(createConnection(proxy, '127.0.0.1').resume(), 'close');
}, 20_000);

/** A proxy of TCP that ends a connection on which nothing has moved for some time, as those of HTTP do. */
async function impatientProxy(target: number, idleMs: number): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    client.setTimeout(idleMs, () => {
      client.destroy();
    });
    client.pipe(upstream).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTeardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return portOf(server);
}

describe('The channel of a member with pusher-js (3.8)', () => {
  test('cannot be subscribed to by anybody else', async () => {
    const host = await start();
    const ann = await host.browser('ann');
    const toAnn = hearing(ann.pusher.user, 'secret');
    const spy = host.raw();
    await spy.greeted();
    spy.say('pusher:subscribe', { channel: '#server-to-user-ann', auth: '' });
    expect(await spy.next()).toMatchObject({ event: 'pusher:error' });
    await host.runtime.client.relayToMember('ann', 'secret', {});
    expect(await toAnn.next()).toMatchObject({ event: 'secret' });
    await spy.isAnswered();
  });

  test('is free of members who have gone', async () => {
    const host = await start();
    const [bob, ann] = [await inRoom(host, 'bob'), await inRoom(host, 'ann')];
    await bob.moves.next();
    const online = async () => [...(await host.runtime.client.onlineMembers(['ann', 'bob', 'cy']))];
    expect(await online()).toEqual(['ann', 'bob']);
    ann.socket.disconnect();
    expect(await bob.moves.next()).toMatchObject({ event: 'pusher:member_removed' });
    expect(await online()).toEqual(['bob']);
    expect(host.engines.connections).toBe(1);
  });
});

type Answer = (error: Error | null, auth: { auth: string } | null) => void;

/** `pusher-js` by hand, where the backend's own configuration would be too good. */
function connectTo(host: Host, key: string, authorize?: (channel: string, answer: Answer) => void): Pusher {
  const pusher = new Pusher(key, {
    cluster: 'x',
    wsHost: '127.0.0.1',
    wsPort: host.port,
    forceTLS: false,
    enabledTransports: ['ws'],
    ...(authorize !== undefined && {
      channelAuthorization: {
        customHandler: ({ channelName }, answer) => {
          authorize(channelName, answer);
        },
      },
    }),
  });
  onTeardown(() => {
    pusher.disconnect();
  });
  return pusher;
}
