import { connect, type ConnectOptions } from 'nestjs-switchboard/browser';
import { io as clientIo, Manager } from 'socket.io-client';
import { onTeardown } from '../../support/teardown.js';
import { Heard } from './heard.js';
import { OWN, ScriptedBackend } from './scripted.js';

const ORDERS = 'private-orders';

/** The real one. Its timers keep no test waiting, and it comes back soon. */
const io = Object.assign(
  (url: string, options: object) =>
    clientIo(url, { ...options, autoUnref: true, reconnectionDelay: 10, reconnectionDelayMax: 20 }),
  { Manager },
);

async function pageOn(backend: ScriptedBackend, options: ConnectOptions = {}) {
  const socket = await connect(io, { url: backend.url, ...options });
  onTeardown(async () => {
    const { engine } = socket.pusher.io.io;
    const isClosed = new Promise<void>((resolve) => {
      if (engine.readyState === 'closed') resolve();
      engine.once('close', () => {
        resolve();
      });
    });
    socket.disconnect();
    await isClosed;
  });
  const heard = new Heard();
  socket.onGap((channel, reason) => {
    heard.hear(`${channel}: ${reason}`);
  });
  const orders = socket.channel(ORDERS);
  orders.bind('PAID', heard.hear);
  await new Promise((resolve) => orders.bind('pusher:subscription_succeeded', resolve));
  return { socket, heard, orders };
}

describe.each([['websocket' as const], ['polling' as const]])('over %s', (transport) => {
  test('a page catches up on a channel, on its own channel and on broadcasts', async () => {
    const backend = await ScriptedBackend.start([transport]);
    const { socket, heard } = await pageOn(backend);
    const [mine, all] = [new Heard(), new Heard()];
    socket.onMember('TEST_TICKED', mine.hear);
    socket.onBroadcast('TEST_TICKED', all.hear);
    const publish = (n: number) => {
      backend.publish(ORDERS, 'PAID', n);
      backend.publish(OWN, 'TEST_TICKED', n);
      backend.publish('broadcast', 'TEST_TICKED', n);
    };
    publish(1);
    await Promise.all([heard, mine, all].map((kind) => kind.until(1)));
    backend.cut();
    publish(2);
    await Promise.all([heard, mine, all].map((kind) => kind.until(2)));
    publish(3);
    for (const kind of [heard, mine, all]) expect(await kind.until(3)).toEqual([1, 2, 3]);
  });

  test('a page is told of a gap, before newer events', async () => {
    const backend = await ScriptedBackend.start([transport]);
    const { heard } = await pageOn(backend);
    backend.publish(ORDERS, 'PAID', 1);
    await heard.until(1);
    backend.cut();
    backend.restart(ORDERS);
    expect(await heard.until(2)).toEqual([1, `${ORDERS}: restarted`]);
    backend.publish(ORDERS, 'PAID', 2);
    expect(await heard.until(3)).toEqual([1, `${ORDERS}: restarted`, 2]);
  });
});

test('no handler of a channel or of the member hears of positions', async () => {
  const backend = await ScriptedBackend.start(['websocket']);
  const { socket, orders, heard } = await pageOn(backend);
  const names = new Heard();
  for (const emitter of [orders, socket.pusher.user, socket.channel('broadcast')])
    emitter.bind_global((event) => {
      if (event.includes('live')) names.hear(event);
    });
  for (const channel of [ORDERS, OWN, 'broadcast'])
    backend.publish(channel, 'LEFT_OUT', 1, { exceptSocketId: socket.pusher.connection.socket_id });
  backend.publish(ORDERS, 'PAID', 2);
  await heard.until(1);
  expect(names.all).toEqual([]);
  expect(backend.askedFrom).toEqual([]);
});

test('a subscription that is refused after a reconnect is a gap', async () => {
  const backend = await ScriptedBackend.start(['websocket']);
  const { heard } = await pageOn(backend);
  backend.refused.add(ORDERS);
  backend.cut();
  expect(await heard.until(1)).toEqual([`${ORDERS}: refused`]);
});

test('a page that has left a channel begins anew when it comes back to it', async () => {
  const backend = await ScriptedBackend.start(['websocket']);
  const { socket, heard } = await pageOn(backend);
  backend.publish(ORDERS, 'PAID', 1);
  await heard.until(1);
  socket.pusher.unsubscribe(ORDERS);
  const again = socket.channel(ORDERS);
  again.bind('PAID', heard.hear);
  backend.publish(ORDERS, 'PAID', 2);
  await new Promise((resolve) => again.bind('pusher:subscription_succeeded', resolve));
  backend.publish(ORDERS, 'PAID', 3);
  expect(await heard.until(2)).toEqual([1, 3]);
});
