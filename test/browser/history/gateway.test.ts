import type { IncomingMessage, ServerResponse } from 'node:http';
import { AuthorizeChannel, type Identity, type SocketModuleOptions, SocketService } from 'nestjs-switchboard';
import type { ConnectOptions, SwitchboardSocket } from 'nestjs-switchboard/browser';
import type { Channel } from 'pusher-js';
import { type Host, startHost } from '../../support/hosts.js';
import { Line } from '../../support/line.js';
import { type Pusher, subscribed } from '../../support/pusher-browser.js';
import { connected, frontOf } from '../backends.js';
import { Heard } from './heard.js';

const ORDERS = 'private-orders.7';
const DESK = 'private-encrypted-desk.7';
const ROOM = 'presence-room.7';
const CHANNELS = [ORDERS, DESK, ROOM];

/** The members who are admitted nowhere. */
const banned = new Set<string>();
beforeEach(() => {
  banned.clear();
});

const authorize = ({ id }: Identity) => !banned.has(id);

@AuthorizeChannel('private-orders.{id}')
class Orders {
  authorize = authorize;
}

@AuthorizeChannel('private-encrypted-desk.{id}')
class Desk {
  authorize = authorize;
}

@AuthorizeChannel('presence-room.{id}')
class Room {
  authorize = authorize;
}

type Relays = Pick<SocketService, 'relayToChannel' | 'relayToMember' | 'broadcast'>;

/** A backend whose pages reach it over a line that can be cut. */
interface Backend {
  readonly host: Host;
  readonly relays: Relays;
  readonly line: Line;
  /** Where pages find it. */
  readonly url: string;
  /** The questions that wait for the test, where it holds them. */
  readonly held: (() => void)[] | undefined;
  hold(): void;
  /** Waits until so many questions are held. */
  isHolding(count: number): Promise<void>;
  release(): void;
}

async function startBackend(history: SocketModuleOptions['history'] = {}): Promise<Backend> {
  const host = await startHost(
    {
      provider: 'ws',
      encryptionMasterKey: Buffer.alloc(32, 7).toString('base64'),
      history: {
        channels: ['members', 'broadcast', 'private-{kind}.{id}', 'private-encrypted-desk.{id}', ROOM],
        ...history,
      },
    },
    { providers: [Orders, Desk, Room] },
  );
  const line = await Line.open(Number(new URL(host.url).port));
  const held: (() => void)[] = [];
  let isHeld = false;
  let wake: () => void = () => undefined;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    if (request.url === '/socket/history' && isHeld) {
      await new Promise<void>((resolve) => {
        held.push(resolve);
        wake();
      });
      return false;
    }
    if (request.url !== '/socket/config') return false;
    const config = (await (await fetch(`${host.url}/socket/config`)).json()) as { options: object };
    const options = { ...config.options, wsPort: line.port };
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ ...config, options }));
    return true;
  };
  return {
    host,
    relays: host.app.get(SocketService),
    line,
    url: await frontOf(host, answer),
    held,
    hold: () => (isHeld = true),
    isHolding: async (count) => {
      while (held.length < count) await new Promise<void>((resolve) => (wake = resolve));
    },
    release: () => {
      isHeld = false;
      for (const resolve of held.splice(0)) resolve();
    },
  };
}

interface Page {
  readonly socket: SwitchboardSocket<Pusher>;
  readonly orders: Channel;
  /** The events of the orders, and the gaps of all channels. */
  readonly heard: Heard;
}

async function pageOn({ url }: Backend, options: ConnectOptions = {}, since?: string): Promise<Page> {
  const socket = await connected({ url, headers: { 'x-member': 'ada' }, ...options });
  const heard = new Heard();
  socket.onGap((channel, reason) => {
    heard.hear(`${channel}: ${reason}`);
  });
  const orders = socket.channel(ORDERS, { since });
  orders.bind('PAID', heard.hear);
  await subscribed(orders);
  return { socket, orders, heard };
}

const paid = ({ relays }: Backend, n: number, exceptSocketId?: string) =>
  relays.relayToChannel(ORDERS, 'PAID' as never, n as never, { exceptSocketId });

/** A storage as browsers have it. */
function storage() {
  const items = new Map<string, string>();
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
}

test('a page catches up on every kind of channel', async () => {
  const backend = await startBackend();
  const { relays, line } = backend;
  const { socket } = await pageOn(backend);
  const kinds = new Map<string, Heard>(
    ['members', 'broadcast', ...CHANNELS].map((kind) => [kind, new Heard()]),
  );
  const hear = (kind: string) => (kinds.get(kind) ?? new Heard()).hear;
  socket.onMember('TEST_TICKED', hear('members'));
  socket.onBroadcast('TEST_TICKED', hear('broadcast'));
  for (const name of CHANNELS) {
    const channel = socket.channel(name).bind('TEST_TICKED', hear(name));
    await subscribed(channel);
  }
  const tick = async (n: number) => {
    await relays.relayToMember('ada', 'TEST_TICKED', { n } as never);
    await relays.broadcast('TEST_TICKED', { n } as never);
    for (const name of CHANNELS) await relays.relayToChannel(name, 'TEST_TICKED', { n } as never);
  };
  await tick(1);
  for (const kind of kinds.values()) await kind.until(1);
  line.cut();
  await tick(2);
  await tick(3);
  line.mend();
  for (const kind of kinds.values()) await kind.until(3);
  await tick(4);
  for (const [kind, heard] of kinds)
    expect([kind, await heard.until(4)]).toEqual([kind, [1, 2, 3, 4].map((n) => ({ n }))]);
});

test('a page that is cut while it catches up hears everything once, and in order', async () => {
  const backend = await startBackend({ pageEvents: 2 });
  const { line } = backend;
  const { heard } = await pageOn(backend);
  await paid(backend, 1);
  await heard.until(1);
  backend.hold();
  line.cut();
  for (const n of [2, 3, 4]) await paid(backend, n);
  line.mend();
  await backend.isHolding(1);
  await paid(backend, 5);
  line.cut();
  await paid(backend, 6);
  backend.release();
  line.mend();
  await heard.until(6);
  await paid(backend, 7);
  expect(await heard.until(7)).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test('a page that was away for too long is told, before newer events', async () => {
  const backend = await startBackend({ channelEvents: 2 });
  const { heard } = await pageOn(backend);
  await paid(backend, 1);
  await heard.until(1);
  backend.line.cut();
  for (const n of [2, 3, 4]) await paid(backend, n);
  backend.line.mend();
  expect(await heard.until(2)).toEqual([1, `${ORDERS}: trimmed`]);
  await paid(backend, 5);
  expect(await heard.until(3)).toEqual([1, `${ORDERS}: trimmed`, 5]);
});

test('a member who is not admitted any more is told', async () => {
  const backend = await startBackend();
  const { heard } = await pageOn(backend);
  await paid(backend, 1);
  await heard.until(1);
  backend.line.cut();
  banned.add('ada');
  await paid(backend, 2);
  backend.line.mend();
  expect(await heard.until(2)).toEqual([1, `${ORDERS}: refused`]);
});

test('a member who is removed from a channel in the middle is told', async () => {
  const backend = await startBackend();
  const { heard } = await pageOn(backend);
  await paid(backend, 1);
  await heard.until(1);
  await backend.host.app.get(SocketService).removeFromChannel(ORDERS, 'ada');
  expect(await heard.until(2)).toEqual([1, `${ORDERS}: refused`]);
});

test('an event that is left out for this page is never heard: not at once, and not later', async () => {
  const backend = await startBackend();
  const { heard, socket } = await pageOn(backend);
  const id = socket.pusher.connection.socket_id;
  await paid(backend, 1, id);
  await paid(backend, 2);
  await heard.until(1);
  backend.line.cut();
  await paid(backend, 3, id);
  await paid(backend, 4);
  backend.line.mend();
  expect(await heard.until(2)).toEqual([2, 4]);
});

test('a page that is loaded again goes on where it left', async () => {
  const backend = await startBackend();
  const kept = storage();
  const first = await pageOn(backend, { storage: kept });
  await paid(backend, 1);
  await first.heard.until(1);
  first.socket.disconnect();
  await paid(backend, 2);
  await backend.relays.relayToMember('ada', 'TEST_TICKED', { n: 2 } as never);
  const second = await pageOn(backend, { storage: kept });
  await paid(backend, 3);
  expect(await second.heard.until(2)).toEqual([2, 3]);
});

test('a page begins where the answer of a request was true', async () => {
  const backend = await startBackend();
  await paid(backend, 1);
  const since = await backend.host.app.get(SocketService).livePosition(ORDERS);
  await paid(backend, 2);
  const { heard } = await pageOn(backend, {}, since);
  await paid(backend, 3);
  expect(await heard.until(2)).toEqual([2, 3]);
});

test('a position of a log that is no more is a gap', async () => {
  const backend = await startBackend();
  await paid(backend, 1);
  const { heard } = await pageOn(backend, {}, 'former.7');
  await paid(backend, 2);
  expect(await heard.until(2)).toEqual([`${ORDERS}: restarted`, 2]);
});

test('a page that has left a channel begins anew', async () => {
  const backend = await startBackend();
  const { heard, socket } = await pageOn(backend, { storage: storage() });
  await paid(backend, 1);
  await heard.until(1);
  socket.pusher.unsubscribe(ORDERS);
  await paid(backend, 2);
  const again = socket.channel(ORDERS).bind('PAID', heard.hear);
  await subscribed(again);
  await paid(backend, 3);
  expect(await heard.until(2)).toEqual([1, 3]);
});

test('two tabs of a member hear everything, each for itself', async () => {
  const backend = await startBackend();
  const tabs = [await pageOn(backend), await pageOn(backend)];
  await paid(backend, 1);
  backend.line.cut();
  await paid(backend, 2);
  backend.line.mend();
  for (const { heard } of tabs) expect(await heard.until(2)).toEqual([1, 2]);
});

test('a channel without history is as it was', async () => {
  const backend = await startBackend({ channels: ['broadcast'] });
  const { heard, socket } = await pageOn(backend);
  await paid(backend, 1);
  await heard.until(1);
  backend.line.cut();
  await paid(backend, 2);
  backend.line.mend();
  await new Promise((resolve) => socket.channel(ORDERS).bind('pusher:subscription_succeeded', resolve));
  await paid(backend, 3);
  expect(await heard.until(2)).toEqual([1, 3]);
});
