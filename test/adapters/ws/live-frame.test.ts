import { SocketService } from 'nestjs-switchboard';
import { Host } from '../../support/host.js';
import { plainPusher } from '../../support/plain-pusher.js';
import { subscribed } from '../../support/pusher-browser.js';
import { hearing } from '../../support/pusher-events.js';
import type { RawClient } from '../../support/raw-client.js';
import { userAuth } from '../../support/signing.js';

const SUCCEEDED = 'pusher_internal:subscription_succeeded';
const LIVE = 'pusher_internal:live';

interface Live {
  readonly position: string;
  readonly follows?: string;
}

const start = () => Host.start({ history: { channels: ['members', 'orders', 'cache-orders'] } });

function relaysOf(host: Host) {
  const service = host.nest.get(SocketService);
  return {
    to: (channel: string, exceptSocketId?: string) =>
      service.relayToChannel(channel, 'TICKED' as never, undefined as never, { exceptSocketId }),
    live: (of: Parameters<SocketService['livePosition']>[0]) => service.livePosition(of),
  };
}

/** The next frame, which has to be a live frame of the channel. */
async function live(client: RawClient, channel: string): Promise<Live> {
  const { event, channel: where, data } = await client.next();
  expect([event, where]).toEqual([LIVE, channel]);
  return JSON.parse(String(data)) as Live;
}

async function joined(host: Host, channel: string): Promise<{ client: RawClient; socketId: string }> {
  const client = host.raw();
  const socketId = await client.greeted();
  client.say('pusher:subscribe', { channel });
  expect(await client.next()).toMatchObject({ event: SUCCEEDED, channel });
  return { client, socketId };
}

test('the frame comes after the subscription, and before newer events', async () => {
  const host = await start();
  const relays = relaysOf(host);
  await relays.to('orders');
  const { client } = await joined(host, 'orders');
  const { position, follows } = await live(client, 'orders');
  expect(position).toMatch(/^[0-9a-z]{1,32}\.1$/);
  expect(follows).toBeUndefined();
  expect(position).toBe(await relays.live('orders'));
  await relays.to('orders');
  expect(await client.next()).toEqual({ event: 'TICKED', channel: 'orders' });
  expect(await relays.live('orders')).toBe(position.replace(/1$/, '2'));
});

test('on a cache channel it comes after the event that the channel remembers', async () => {
  const host = await start();
  const relays = relaysOf(host);
  await relays.to('cache-orders');
  const { client } = await joined(host, 'cache-orders');
  expect(await client.next()).toMatchObject({ event: 'TICKED', channel: 'cache-orders' });
  expect((await live(client, 'cache-orders')).position).toMatch(/\.1$/);
});

test('an event that leaves a connection out tells it the next position', async () => {
  const host = await start();
  const { client, socketId } = await joined(host, 'orders');
  const { position } = await live(client, 'orders');
  await relaysOf(host).to('orders', socketId);
  expect(await live(client, 'orders')).toEqual({
    position: position.replace(/0$/, '1'),
    follows: position,
  });
});

test('a member’s own channel has it after the signin, and once more after the subscription of pusher-js', async () => {
  const host = await start();
  const client = host.raw();
  const socketId = await client.greeted();
  client.say('pusher:signin', userAuth(host.app, socketId, { id: 'ada' }));
  expect(await client.next()).toMatchObject({ event: 'pusher:signin_success' });
  const own = '#server-to-user-ada';
  const first = await live(client, own);
  expect(first.position).toBe(await relaysOf(host).live({ member: 'ada' }));
  client.say('pusher:subscribe', { channel: own });
  expect(await client.next()).toMatchObject({ event: SUCCEEDED, channel: own });
  expect(await live(client, own)).toEqual(first);
});

test('a channel without history has no such frame', async () => {
  const host = await start();
  const { client } = await joined(host, 'invoices');
  await relaysOf(host).to('invoices');
  expect(await client.next()).toEqual({ event: 'TICKED', channel: 'invoices' });
});

test('pusher-js hands it to nobody who has bound to its channel', async () => {
  const host = await start();
  const pusher = plainPusher(host);
  const messages = hearing(pusher.connection, 'message');
  const heard: string[] = [];
  pusher.bind_global((event: string) => heard.push(event));
  const channel = pusher.subscribe('orders');
  channel.bind_global((event: string) => heard.push(event));
  await subscribed(channel);
  await relaysOf(host).to('orders');
  const seen: unknown[] = [];
  while (!seen.includes('TICKED')) seen.push(Reflect.get(Object((await messages.next()).data), 'event'));
  expect(seen).toContain(LIVE);
  expect(heard).toContain('TICKED');
  expect(heard).not.toContain(LIVE);
});
