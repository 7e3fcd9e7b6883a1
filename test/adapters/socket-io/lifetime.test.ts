import { engineOf } from '../../support/runtime-parts.js';
import { connected, TRANSPORTS } from '../../support/socket-io-browser.js';
import { RawSocketIo } from './raw-socket-io.js';
import { newPage, pageOf, protocolEvent, startHost } from './support.js';

describe.each(Object.entries(TRANSPORTS))('on %s', (_, transports) => {
  const options = { transports: [...transports], reconnectionDelay: 1 };

  test('a shutdown tells the client first, closes soon, and leaves nothing behind', async () => {
    const host = await startHost();
    const page = await pageOf(host.url, 'ada', options);
    const lost = new Promise((resolve) => page.socket.once('disconnect', resolve));
    await Promise.all([
      host.client.relayToMember('ada', 'LAST'),
      host.close().then(() => engineOf(host.runtime).connections),
    ]);
    expect((await page.next()).event).toBe('LAST');
    expect(await protocolEvent(page, 'closing')).toEqual({
      event: 'pusher:closing',
      payload: { code: 4100, reason: 'The server is restarting' },
    });
    expect(await lost).toMatch(/^transport/);
    // It tries again by itself.
    expect(page.socket.active).toBe(true);
  });

  test('a member who is disconnected stays away, and nobody else is', async () => {
    const host = await startHost();
    const [ada, alan] = [await pageOf(host.url, 'ada', options), await pageOf(host.url, 'alan', options)];
    const gone = ada.disconnected();
    await host.client.disconnectMember('ada');
    await gone;
    expect(await protocolEvent(ada, 'error')).toMatchObject({
      payload: { code: 4009, message: 'Connection terminated by the application' },
    });
    expect(await protocolEvent(ada, 'closing')).toMatchObject({ payload: { code: 4009 } });
    await host.client.relayToMember('alan', 'HELLO');
    expect((await alan.next()).event).toBe('HELLO');
    expect(engineOf(host.runtime).counters.closed.counts.get('4009')).toBe(1);
  });

  test('a page that leaves is gone at once, and its member within the grace period', async () => {
    const host = await startHost({ gateway: { presenceGraceMs: 1 } });
    const [ada, alan] = [await pageOf(host.url, 'ada', options), await pageOf(host.url, 'alan', options)];
    await ada.subscribe('presence-room');
    await alan.subscribe('presence-room');
    await alan.leave();
    expect(await protocolEvent(ada, 'member_removed')).toMatchObject({ payload: { user_id: 'alan' } });
    expect(engineOf(host.runtime).counters.closed.counts.get('client')).toBe(1);
  });

  test('a page that is reloaded is not seen to leave', async () => {
    const host = await startHost();
    const [ada, alan] = [await pageOf(host.url, 'ada', options), await pageOf(host.url, 'alan', options)];
    await ada.subscribe('presence-room');
    await alan.subscribe('presence-room');
    await protocolEvent(ada, 'member_added');
    await alan.leave();
    const reloaded = await pageOf(host.url, 'alan', options);
    await reloaded.subscribe('presence-room');
    await host.client.relayToChannel('presence-room', 'AFTER');
    expect((await ada.next()).event).toBe('AFTER');
    const heard: string[] = [];
    ada.socket.prependAny((event: string) => heard.push(event));
    await host.client.relayToMember('ada', 'LAST');
    await ada.next();
    expect(heard).toEqual(['LAST']);
  });
});

test('a client that answers no ping is closed with 4201, and one that does is not', async () => {
  const host = await startHost({ gateway: { activityTimeoutS: 1, pongTimeoutS: 1 } });
  const page = await pageOf(host.url, 'ada');
  const silent = await RawSocketIo.connect(host.url, 'alan');
  await silent.next('2');
  await silent.closed;
  expect(engineOf(host.runtime).counters.closed.counts.get('4201')).toBe(1);
  expect(page.socket.connected).toBe(true);
  expect(await page.ask('subscribe', 'news')).toEqual({ ok: true });
});

test('a client that never says who it is keeps no shutdown waiting', async () => {
  const host = await startHost();
  const silent = await RawSocketIo.open(host.url);
  await (await fetch(`${host.url}/socket.io/?EIO=4&transport=polling`)).text();
  await host.close();
  expect(await silent.closed).toBeGreaterThan(0);
});

test('a polling client that has vanished keeps a shutdown waiting for a second at most', async () => {
  const host = await startHost();
  const opened = await (await fetch(`${host.url}/socket.io/?EIO=4&transport=polling`)).text();
  const { sid } = JSON.parse(opened.slice(1)) as { sid: string };
  const address = `${host.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`;
  await fetch(address, { method: 'POST', body: '40{"headers":{"x-member":"ada"}}' });
  const start = performance.now();
  await host.close();
  expect(performance.now() - start).toBeLessThan(2_500);
});

test('while it shuts down with a page on it, no other page is let in', async () => {
  const host = await startHost();
  const page = await pageOf(host.url, 'ada', { transports: ['polling'] });
  const closed = host.close();
  const late = newPage(host.url, { reconnection: false });
  await expect(connected(late)).rejects.toThrow(/error/);
  await closed;
  await page.leave();
});
