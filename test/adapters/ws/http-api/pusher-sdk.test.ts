import { randomBytes } from 'node:crypto';
import { AuthorizeChannel, type ChannelAuthorizer } from 'nestjs-switchboard';
import PusherServer from 'pusher';
import { Host, type HostOptions } from '../../../support/host.js';
import { subscribed } from '../../../support/pusher-browser.js';
import { hearing } from '../../../support/pusher-events.js';

@AuthorizeChannel('private-encrypted-{name}')
class SecretChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

@AuthorizeChannel('presence-{name}')
class RoomChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

const MASTER_KEY = randomBytes(32).toString('base64');

/** A backend of somebody else's, which publishes through ours with Pusher's own SDK. */
async function start(options: HostOptions = {}, sdkOptions: Partial<PusherServer.Options> = {}) {
  const host = await Host.start({
    httpApi: { enabled: true },
    encryptionMasterKey: MASTER_KEY,
    providers: [SecretChannel, RoomChannel],
    ...options,
  });
  const { id: appId, key, secret } = host.app;
  const sdk = new PusherServer({
    appId,
    key,
    secret,
    host: '127.0.0.1',
    port: String(host.port),
    encryptionMasterKeyBase64: MASTER_KEY,
    ...sdkOptions,
  });
  return { host, sdk };
}

const json = async (response: Promise<{ text(): Promise<string> }>) =>
  JSON.parse(await (await response).text()) as unknown;

describe('The pusher SDK, through the HTTP API to pusher-js (3.13)', () => {
  test('triggers an event on a channel, and leaves a socket out', async () => {
    const { host, sdk } = await start();
    const [ann, bob] = [await host.browser('ann'), await host.browser('bob')];
    const [one, other] = [ann.channel('orders'), bob.channel('orders')];
    const [annHears, bobHears] = [hearing(one, 'created', 'last'), hearing(other, 'created', 'last')];
    await Promise.all([subscribed(one), subscribed(other)]);
    const except = { socket_id: ann.pusher.connection.socket_id };
    expect(await json(sdk.trigger('orders', 'created', { id: 7, text: 'žluťoučký 👩‍🚀' }, except))).toEqual({});
    await sdk.trigger(['orders', 'others'], 'last', 'plain text');
    expect(await bobHears.next()).toEqual({ event: 'created', data: { id: 7, text: 'žluťoučký 👩‍🚀' } });
    expect(await bobHears.next()).toEqual({ event: 'last', data: 'plain text' });
    expect(await annHears.next()).toEqual({ event: 'last', data: 'plain text' });
  });

  test('triggers a batch, in order, and gets the attributes it asks for', async () => {
    const { host, sdk } = await start();
    const ann = await host.browser('ann');
    const room = ann.channel('presence-room');
    const heard = hearing(room, 'one', 'two');
    await subscribed(room);
    const batch = [
      { channel: 'presence-room', name: 'one', data: { n: 1 }, info: 'user_count' },
      { channel: 'presence-room', name: 'two', data: { n: 2 } },
    ];
    expect(await json(sdk.triggerBatch(batch))).toEqual({ batch: [{ user_count: 1 }, {}] });
    expect(await heard.next()).toEqual({ event: 'one', data: { n: 1 } });
    expect(await heard.next()).toEqual({ event: 'two', data: { n: 2 } });
  });

  test('sends to a user, on every connection and to nobody else', async () => {
    const { host, sdk } = await start();
    const tabs = [await host.browser('ann'), await host.browser('ann')];
    const bob = await host.browser('bob');
    const heard = [...tabs, bob].map(({ pusher }) => hearing(pusher.user, 'noted'));
    await sdk.sendToUser('ann', 'noted', { for: 'ann' });
    await sdk.sendToUser('bob', 'noted', { for: 'bob' });
    const data = await Promise.all(heard.map(async (events) => (await events.next()).data));
    expect(data).toEqual([{ for: 'ann' }, { for: 'ann' }, { for: 'bob' }]);
  });

  test('terminates a user’s connections, which then stay away', async () => {
    const { host, sdk } = await start();
    const [ann, bob] = [await host.browser('ann'), await host.browser('bob')];
    const gone = new Promise((resolve) => ann.pusher.connection.bind('disconnected', resolve));
    expect(await json(sdk.terminateUserConnections('ann'))).toEqual({});
    await gone;
    expect(bob.pusher.connection.state).toBe('connected');
  });

  test('triggers on an encrypted channel what only pusher-js can read (3.9)', async () => {
    const { host, sdk } = await start();
    const ann = await host.browser('ann');
    const channel = ann.channel('private-encrypted-desk');
    const heard = hearing(channel, 'created', 'batched');
    await subscribed(channel);
    await sdk.trigger('private-encrypted-desk', 'created', { id: 7 });
    await sdk.triggerBatch([{ channel: 'private-encrypted-desk', name: 'batched', data: 'text' }]);
    expect(await heard.next()).toEqual({ event: 'created', data: { id: 7 } });
    expect(await heard.next()).toEqual({ event: 'batched', data: 'text' });
  });

  test('gets channels, a channel and its users', async () => {
    const { host, sdk } = await start();
    const ann = await host.browser('ann');
    await subscribed(ann.channel('presence-room'));
    const get = (path: string, params = {}) => json(sdk.get({ path, params }));
    expect(await get('/channels', { filter_by_prefix: 'presence-', info: 'user_count' })).toEqual({
      channels: { 'presence-room': { user_count: 1 } },
    });
    expect(await get('/channels/broadcast', { info: 'subscription_count' })).toEqual({
      occupied: true,
      subscription_count: 1,
    });
    expect(await get('/channels/presence-room/users')).toEqual({ users: [{ id: 'ann' }] });
  });

  test('gets both counts of a presence channel, where a member has two tabs, from every request that has info', async () => {
    const { host, sdk } = await start();
    const room = 'presence-room';
    const bob = await host.browser('bob');
    for (const member of [await host.browser('ann'), await host.browser('ann'), bob]) {
      await subscribed(member.channel(room));
    }
    const info = 'user_count,subscription_count';
    const counts = { user_count: 2, subscription_count: 3 };
    const get = (name: string, params: object) => json(sdk.get({ path: `/channels/${name}`, params }));
    expect(await get(room, { info })).toEqual({ occupied: true, ...counts });
    const none = { user_count: 0, subscription_count: 0 };
    expect(await get('presence-empty', { info })).toEqual({ occupied: false, ...none });
    const heard = hearing(bob.channel(room), 'created', 'batched');
    expect(await json(sdk.trigger([room, 'presence-empty', 'orders'], 'created', {}, { info }))).toEqual({
      channels: {
        [room]: counts,
        'presence-empty': none,
        orders: { subscription_count: 0 },
      },
    });
    const event = { channel: room, name: 'batched', data: {} };
    const batch = [{ ...event, info }, { ...event, info: 'subscription_count' }, event];
    expect(await json(sdk.triggerBatch(batch))).toEqual({ batch: [counts, { subscription_count: 3 }, {}] });
    // Asked for or not, each was published.
    const names = ['created', 'batched', 'batched', 'batched'];
    for (const name of names) expect((await heard.next()).event).toBe(name);
  });

  test('is told why it is refused', async () => {
    const { sdk } = await start();
    await expect(sdk.trigger('orders', 'created', 'x'.repeat(10_241))).rejects.toMatchObject({
      status: 413,
      body: expect.stringContaining('exceeds the allowed maximum (10240 bytes)') as string,
    });
    await expect(sdk.get({ path: '/channels', params: { info: 'user_count' } })).rejects.toMatchObject({
      status: 400,
      body: expect.stringMatching(/^user_count may only .*\n$/) as string,
    });
  });

  test.each([
    ['secret', 401, { secret: 'another secret' }],
    ['key', 401, { key: 'another-key' }],
    ['app id', 404, { appId: 'another-app' }],
  ])('is refused with another %s with %i', async (_, status, credentials) => {
    const { sdk } = await start({}, credentials);
    await expect(sdk.trigger('orders', 'created', {})).rejects.toMatchObject({ status });
  });

  test('reaches a gateway behind a path prefix, although it signs the path without it (3.14)', async () => {
    const gatewayPath = '/realtime/v1';
    const { host, sdk } = await start({ gatewayPath });
    const ann = await host.browser('ann');
    const channel = ann.channel('orders');
    const heard = hearing(channel, 'created');
    await subscribed(channel);
    await expect(sdk.trigger('orders', 'created', {})).rejects.toMatchObject({ status: 404 });
    const prefixed = new PusherServer({
      appId: host.app.id,
      key: host.app.key,
      secret: host.app.secret,
      host: `127.0.0.1:${host.port}${gatewayPath}`,
    });
    await prefixed.trigger('orders', 'created', { id: 7 });
    expect(await heard.next()).toEqual({ event: 'created', data: { id: 7 } });
  });
});
