import { connect } from 'nestjs-switchboard/browser';
import { io as clientIo, Manager } from 'socket.io-client';
import { startHost } from '../../adapters/socket-io/support.js';
import { TRANSPORTS } from '../../support/socket-io-browser.js';
import { onTeardown } from '../../support/teardown.js';
import { Heard } from './heard.js';

const ORDERS = 'private-orders.ada-7';

/** The real one. Its timers keep no test waiting. */
const io = Object.assign((url: string, options: object) => clientIo(url, { ...options, autoUnref: true }), {
  Manager,
});

test.each(Object.entries(TRANSPORTS))(
  'over %s a page of socket.io-client catches up',
  async (_, transports) => {
    const { client, url } = await startHost({
      history: { channels: ['members', 'broadcast', 'private-orders.{order}', 'presence-room'] },
      socketIo: { transports: [...transports] },
    });
    const socket = await connect(io, { url, headers: { 'x-member': 'ada' } });
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
    expect(transports).toContain(socket.pusher.io.io.engine.transport.name);
    const gaps = new Heard();
    socket.onGap(gaps.hear);
    const kinds = [new Heard(), new Heard(), new Heard(), new Heard()] as const;
    const [mine, all, orders, room] = kinds;
    socket.onMember('TEST_TICKED', mine.hear);
    socket.onBroadcast('TEST_TICKED', all.hear);
    for (const [name, heard] of [
      [ORDERS, orders],
      ['presence-room', room],
    ] as const) {
      const channel = socket.channel(name).bind('TEST_TICKED', heard.hear);
      await new Promise((resolve) => channel.bind('pusher:subscription_succeeded', resolve));
    }
    const tick = async (n: number, exceptSocketId?: string) => {
      await client.relayToMember('ada', 'TEST_TICKED', n, { exceptSocketId });
      await client.broadcast('TEST_TICKED', n, { exceptSocketId });
      for (const name of [ORDERS, 'presence-room'])
        await client.relayToChannel(name, 'TEST_TICKED', n, { exceptSocketId });
    };
    await tick(1);
    for (const kind of kinds) await kind.until(1);
    const { socket_id: id } = socket.pusher.connection;
    await tick(2, id);
    socket.pusher.io.io.engine.close();
    await tick(3);
    await tick(4, id);
    for (const kind of kinds) await kind.until(2);
    await tick(5);
    for (const kind of kinds) expect(await kind.until(3)).toEqual([1, 3, 5]);
    expect(gaps.all).toEqual([]);
  },
);
