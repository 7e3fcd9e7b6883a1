import { randomBytes } from 'node:crypto';
import Echo, { type EchoOptions } from 'laravel-echo';
import { AuthorizeChannel, type ChannelAuthorizer, type Identity } from 'nestjs-switchboard';
import { Host, type HostOptions } from '../../support/host.js';
import { Pusher } from '../../support/pusher-browser.js';
import { Heard } from '../../support/pusher-events.js';
import { onTeardown } from '../../support/teardown.js';

// laravel-echo as an application has it, except for the address of its server: its own options, its own auth endpoint, its
// own event names. `.NAME` means the name as it stands, anything else is prefixed with its namespace.

@AuthorizeChannel('private-desk.{memberId}')
class DeskChannel implements ChannelAuthorizer<{ memberId: string }> {
  authorize(member: Identity, { memberId }: { memberId: string }): boolean {
    return memberId === 'all' || member.id === memberId;
  }
}

@AuthorizeChannel('private-encrypted-desk.{memberId}')
class SecretDeskChannel extends DeskChannel {}

@AuthorizeChannel('presence-room.{room}')
class RoomChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

const start = (gateway: HostOptions['gateway'] = {}) =>
  Host.start({
    encryptionMasterKey: randomBytes(32).toString('base64'),
    gateway: { clientEvents: true, presenceGraceMs: 0, ...gateway },
    providers: [DeskChannel, SecretDeskChannel, RoomChannel],
  });

type Driver = 'reverb' | 'pusher';

function echoOf<D extends Driver>(broadcaster: D, host: Host, memberId: string): Echo<D> {
  const options = {
    broadcaster,
    Pusher,
    key: host.app.key,
    wsHost: '127.0.0.1',
    wsPort: host.port,
    wssPort: host.port,
    forceTLS: false,
    enabledTransports: ['ws', 'wss'],
    ...(broadcaster === 'pusher' && { cluster: 'mt1' }),
    authEndpoint: `${host.url}/socket/auth`,
    auth: { headers: { 'x-member': memberId } },
    userAuthentication: {
      endpoint: `${host.url}/socket/user-auth`,
      transport: 'ajax',
      headers: { 'x-member': memberId },
    },
  };
  // TypeScript cannot see through the conditional types of EchoOptions that both drivers have this in common.
  const echo = new Echo<D>(options as unknown as EchoOptions<D> & { broadcaster: D });
  onTeardown(() => {
    echo.disconnect();
  });
  return echo;
}

/** The `pusher-js` underneath, whose type laravel-echo imports in a way that Node's module resolution does not follow. */
const pusherOf = (echo: Echo<Driver>) => echo.connector.pusher;

/** The part of a channel that every type of it has. */
interface EchoChannel {
  subscribed(callback: () => void): unknown;
  error(callback: (error: unknown) => void): unknown;
  listen(event: string, callback: (data: unknown) => void): unknown;
  listenForWhisper(event: string, callback: (data: unknown) => void): unknown;
}

/** Waits for the subscription, or rejects with what Echo calls `error` with. */
const subscription = (channel: EchoChannel): Promise<void> =>
  new Promise((resolve, reject) => {
    channel.subscribed(resolve);
    channel.error((error) => {
      reject(new Error(JSON.stringify(error)));
    });
  });

function listening(channel: EchoChannel, ...events: string[]): Heard<{ event: string; data: unknown }> {
  const heard = new Heard<{ event: string; data: unknown }>();
  for (const event of events) {
    channel.listen(event, (data) => {
      heard.push({ event, data });
    });
  }
  return heard;
}

function whispers(channel: EchoChannel, event: string): Heard<{ event: string; data: unknown }> {
  const heard = new Heard<{ event: string; data: unknown }>();
  channel.listenForWhisper(event, (data) => {
    heard.push({ event, data });
  });
  return heard;
}

/** A member in a room, with what Echo says of the others. */
async function inRoom(driver: Driver, host: Host, memberId: string) {
  const echo = echoOf(driver, host, memberId);
  const channel = echo.join('room.1');
  const moves = new Heard<readonly [move: string, members: unknown]>();
  channel.here((members: unknown) => {
    moves.push(['here', members]);
  });
  channel.joining((member: unknown) => {
    moves.push(['joining', member]);
  });
  channel.leaving((member: unknown) => {
    moves.push(['leaving', member]);
  });
  await subscription(channel);
  return { echo, channel, moves };
}

const infoOf = (...ids: string[]) => ids.map((id) => ({ name: id.toUpperCase() }));

describe.each<Driver>(['reverb', 'pusher'])('laravel-echo with the broadcaster "%s" (3)', (driver) => {
  describe('on a public channel (3.5)', () => {
    test('hears an event by its name, and by the name of a Laravel event class', async () => {
      const host = await start();
      const echo = echoOf(driver, host, 'ann');
      const channel = echo.channel('orders');
      const heard = listening(channel, '.created', 'OrderShipped');
      await subscription(channel);
      await host.runtime.client.relayToChannel('orders', 'created', { id: 7 });
      expect(await heard.next()).toEqual({ event: '.created', data: { id: 7 } });
      await host.runtime.client.relayToChannel('orders', 'App\\Events\\OrderShipped', { id: 8 });
      expect(await heard.next()).toEqual({ event: 'OrderShipped', data: { id: 8 } });
    });

    test('knows its socket id, which leaves it out (X-Socket-Id)', async () => {
      const host = await start();
      const [ann, bob] = [echoOf(driver, host, 'ann'), echoOf(driver, host, 'bob')];
      const [toAnn, toBob] = [ann, bob].map((echo) => listening(echo.channel('orders'), '.created', '.done'));
      await Promise.all([ann, bob].map((echo) => subscription(echo.channel('orders'))));
      const exceptSocketId = ann.socketId();
      expect(exceptSocketId).toMatch(/^\d+\.\d+$/);
      await host.runtime.client.relayToChannel('orders', 'created', 1, {
        exceptSocketId: String(exceptSocketId),
      });
      await host.runtime.client.relayToChannel('orders', 'done', 2);
      expect(await toBob?.next()).toMatchObject({ event: '.created' });
      expect(await toAnn?.next()).toMatchObject({ event: '.done' });
    });

    test('hears a broadcast to everybody', async () => {
      const host = await start();
      const channel = echoOf(driver, host, 'ann').channel('broadcast');
      const heard = listening(channel, '.ANNOUNCED');
      await subscription(channel);
      await host.runtime.client.broadcast('ANNOUNCED', { text: 'hi' });
      expect(await heard.next()).toMatchObject({ data: { text: 'hi' } });
    });
  });

  describe('on a private channel (3.5)', () => {
    test('hears what is sent to it', async () => {
      const host = await start();
      const channel = echoOf(driver, host, 'ann').private('desk.ann');
      const heard = listening(channel, '.created');
      await subscription(channel);
      await host.runtime.client.relayToChannel('private-desk.ann', 'created', { id: 7 });
      expect(await heard.next()).toMatchObject({ data: { id: 7 } });
    });

    test('that is not its member’s calls error with the status 403, and the connection stays', async () => {
      const host = await start();
      const echo = echoOf(driver, host, 'ann');
      const errors = new Heard<object>();
      echo.private('desk.bob').error((error: object) => {
        errors.push(error);
      });
      expect(await errors.next()).toMatchObject({ type: 'AuthError', status: 403 });
      await subscription(echo.private('desk.ann'));
      expect(echo.connectionStatus()).toBe('connected');
    });

    test('whispers to the others and not to itself (3.7)', async () => {
      const host = await start();
      const channels = ['ann', 'bob'].map((id) => echoOf(driver, host, id).private('desk.all'));
      const [toAnn, toBob] = channels.map((channel) => whispers(channel, 'typing'));
      await Promise.all(channels.map(subscription));
      channels[0]?.whisper('typing', { text: 'h' });
      expect(await toBob?.next()).toEqual({ event: 'typing', data: { text: 'h' } });
      channels[1]?.whisper('typing', { text: 'b' });
      expect(await toAnn?.next()).toEqual({ event: 'typing', data: { text: 'b' } });
      expect(toBob?.untaken).toEqual([]);
    });

    test('whispers in vain where client events are off', async () => {
      const host = await start({ clientEvents: false });
      const echoes = ['ann', 'bob'].map((id) => echoOf(driver, host, id));
      const channels = echoes.map((echo) => echo.private('desk.all'));
      const toBob = channels.map((channel) => whispers(channel, 'typing'))[1];
      const heard = channels.map((channel) => listening(channel, '.created'));
      await Promise.all(channels.map(subscription));
      const errors = new Heard<object>();
      for (const echo of echoes) {
        pusherOf(echo).connection.bind('error', (error: object) => {
          errors.push(error);
        });
      }
      channels[0]?.whisper('typing', {});
      expect(await errors.next()).toMatchObject({ data: { code: null } });
      await host.runtime.client.relayToChannel('private-desk.all', 'created', 1);
      for (const each of heard) await each.next();
      expect(toBob?.untaken).toEqual([]);
    });

    test('may be encrypted (3.9)', async () => {
      const host = await start();
      const channel = echoOf(driver, host, 'ann').encryptedPrivate('desk.ann');
      const heard = listening(channel, '.created');
      await subscription(channel);
      await host.runtime.client.relayToChannel('private-encrypted-desk.ann', 'created', { id: 7 });
      expect(await heard.next()).toMatchObject({ data: { id: 7 } });
    });
  });

  describe('on a presence channel (3.6)', () => {
    test('says who is here, who is joining and who is leaving', async () => {
      const host = await start();
      const ann = await inRoom(driver, host, 'ann');
      expect(await ann.moves.next()).toEqual(['here', infoOf('ann')]);
      const bob = await inRoom(driver, host, 'bob');
      expect(await bob.moves.next()).toEqual(['here', infoOf('ann', 'bob')]);
      expect(await ann.moves.next()).toEqual(['joining', infoOf('bob')[0]]);
      bob.echo.leave('room.1');
      expect(await ann.moves.next()).toEqual(['leaving', infoOf('bob')[0]]);
      expect(bob.moves.untaken).toEqual([]);
    });

    test('says that a member is leaving who closes the page', async () => {
      const host = await start();
      const [ann, bob] = [await inRoom(driver, host, 'ann'), await inRoom(driver, host, 'bob')];
      expect([(await ann.moves.next())[0], (await ann.moves.next())[0]]).toEqual(['here', 'joining']);
      bob.echo.disconnect();
      expect(await ann.moves.next()).toEqual(['leaving', infoOf('bob')[0]]);
    });

    test('whispers, and hears what the server sends', async () => {
      const host = await start();
      const [ann, bob] = [await inRoom(driver, host, 'ann'), await inRoom(driver, host, 'bob')];
      const [toBob, heard] = [whispers(bob.channel, 'typing'), listening(bob.channel, '.created')];
      ann.channel.whisper('typing', { text: 'h' });
      expect(await toBob.next()).toEqual({ event: 'typing', data: { text: 'h' } });
      await host.runtime.client.relayToChannel('presence-room.1', 'created', { id: 7 });
      expect(await heard.next()).toMatchObject({ data: { id: 7 } });
    });

    test('calls error where no authorizer covers it', async () => {
      const host = await start();
      const errors = new Heard<object>();
      echoOf(driver, host, 'ann')
        .join('nowhere')
        .error((error: object) => {
          errors.push(error);
        });
      expect(await errors.next()).toMatchObject({ type: 'AuthError', status: 403 });
    });
  });

  describe('when it leaves', () => {
    test('leaves the public, the private, the encrypted and the presence channel of the name (3.3)', async () => {
      const host = await start();
      const echo = echoOf(driver, host, 'ann');
      const names = ['desk.ann', 'private-desk.ann', 'private-encrypted-desk.ann'];
      const heard = listening(echo.channel('desk.ann'), '.created');
      await Promise.all(
        [echo.channel('desk.ann'), echo.private('desk.ann'), echo.encryptedPrivate('desk.ann')].map(
          subscription,
        ),
      );
      expect(await host.engines.occupied()).toEqual([...names].sort());
      echo.leave('desk.ann');
      // A request after it is answered after it.
      await subscription(echo.channel('others'));
      expect(await host.engines.occupied()).toEqual(['others']);
      await host.runtime.client.relayToChannel('desk.ann', 'created');
      await subscription(echo.channel('yet-others'));
      expect(heard.untaken).toEqual([]);
    });

    test('and comes back, it hears again', async () => {
      const host = await start();
      const echo = echoOf(driver, host, 'ann');
      await subscription(echo.private('desk.ann'));
      echo.leaveChannel('private-desk.ann');
      const channel = echo.private('desk.ann');
      const heard = listening(channel, '.created');
      await subscription(channel);
      await host.runtime.client.relayToChannel('private-desk.ann', 'created', 7);
      expect(await heard.next()).toMatchObject({ data: 7 });
    });
  });

  describe('when it signs in (3.8)', () => {
    test('hears what is relayed to its member', async () => {
      const host = await start();
      const echo = echoOf(driver, host, 'ann');
      const pusher = pusherOf(echo);
      const heard = new Heard<object>();
      pusher.user.bind('created', (data: object) => {
        heard.push(data);
      });
      echo.connector.signin();
      await pusher.user.signinDonePromise;
      await host.runtime.client.relayToMember('ann', 'created', { id: 7 });
      expect(await heard.next()).toEqual({ id: 7 });
    });
  });

  test('is stopped for good by 4009 and comes back after 4200 (3.11)', async () => {
    const host = await start();
    const echo = echoOf(driver, host, 'ann');
    const channel = echo.private('desk.ann');
    const subscriptions = new Heard<object>();
    channel.subscribed(() => {
      subscriptions.push({});
    });
    await subscriptions.next();
    await host.topology.sendEverybodyAway();
    await subscriptions.next();
    expect(echo.connectionStatus()).toBe('connected');
    echo.connector.signin();
    await pusherOf(echo).user.signinDonePromise;
    const stopped = new Promise<void>((resolve) => {
      echo.connector.onConnectionChange((status: string) => {
        if (status === 'disconnected') resolve();
      });
    });
    await host.runtime.client.disconnectMember('ann');
    await stopped;
    expect(echo.connectionStatus()).toBe('disconnected');
  });
});
