import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AuthorizeChannel, type ChannelAuthorizer, SocketService } from 'nestjs-switchboard';
import { DEVELOPMENT_APP } from '../../../../src/settings/app.js';
import { Host, type HostOptions } from '../../../support/host.js';
import { subscribed } from '../../../support/pusher-browser.js';
import { RawClient } from '../../../support/raw-client.js';
import { onTeardown } from '../../../support/teardown.js';
import { WebhookEndpoint } from '../../../support/webhook-endpoint.js';
import { Scrape } from './support.js';

const WS = 'provider="ws"';

@AuthorizeChannel('private-room')
class RoomChannel implements ChannelAuthorizer {
  authorize(): boolean {
    return true;
  }
}

async function start(options: HostOptions = {}): Promise<{ host: Host; scrape: Scrape }> {
  const scrape = new Scrape();
  const host = await Host.start({ env: {}, ...options, metrics: scrape.registry });
  return { host, scrape };
}

describe('the metrics of the gateway', () => {
  test('say how many are connected, signed in and subscribed, now', async () => {
    const { host, scrape } = await start();
    expect(await scrape.value(`switchboard_connections{${WS}}`)).toBe(0);
    const ada = await host.browser('ada');
    const again = await host.browser('ada');
    const alan = await host.browser('alan');
    await subscribed(ada.channel('news'));
    expect(await scrape.value(`switchboard_connections{${WS}}`)).toBe(3);
    expect(await scrape.value(`switchboard_members{${WS}}`)).toBe(2);
    // Their own, the broadcast channel, and one more.
    expect(await scrape.value(`switchboard_subscriptions{${WS}}`)).toBe(3 + 3 + 1);
    expect(await scrape.value(`switchboard_channels{${WS}}`)).toBe(2 + 1 + 1);
    again.disconnect();
    alan.disconnect();
    await scrape.until(`switchboard_connections{${WS}}`, 1);
    expect(await scrape.value(`switchboard_members{${WS}}`)).toBe(1);
    expect(await scrape.value(`switchboard_subscriptions{${WS}}`)).toBe(3);
    expect(await scrape.value(`switchboard_connections_opened_total{${WS}}`)).toBe(3);
    expect(await scrape.value(`switchboard_connections_closed_total{${WS},reason="client"}`)).toBe(2);
  });

  test('count who is not let in, by status or code', async () => {
    const { host, scrape } = await start({ gateway: { allowedOrigins: ['https://app.example.com'] } });
    expect(await scrape.value(`switchboard_connections_refused_total{${WS},reason="403"}`)).toBe(0);
    expect((await host.raw('/app/another-key?protocol=7').closed).code).toBe(4001);
    const address = `ws://127.0.0.1:${host.port}/app/${host.app.key}?protocol=7`;
    const stranger = RawClient.open(address, { origin: 'https://evil.example' });
    expect(await stranger.refusal()).toBe(403);
    expect(await scrape.value(`switchboard_connections_refused_total{${WS},reason="4001"}`)).toBe(1);
    expect(await scrape.value(`switchboard_connections_refused_total{${WS},reason="403"}`)).toBe(1);
    expect(await scrape.value(`switchboard_connections_opened_total{${WS}}`)).toBe(0);
  });

  test('count what clients say that is refused, by code, and what is no message at all', async () => {
    const { host, scrape } = await start();
    const raw = host.raw();
    await raw.greeted();
    raw.socket.send('{');
    raw.socket.send(Buffer.from([1]));
    raw.say('pusher:subscribe', { channel: 'private-x', auth: 'forged' });
    raw.say('client-typing', {}, 'private-x');
    for (let answer = 0; answer < 4; answer++) expect((await raw.next()).event).toBe('pusher:error');
    const refused = (reason: string) =>
      scrape.value(`switchboard_client_messages_refused_total{${WS},reason="${reason}"}`);
    expect([await refused('malformed'), await refused('4009'), await refused('none')]).toEqual([2, 1, 1]);
  });

  test('count the client events that are passed on', async () => {
    const { host, scrape } = await start({ gateway: { clientEvents: true }, providers: [RoomChannel] });
    const [ada, alan] = [await host.browser('ada'), await host.browser('alan')];
    const [mine, others] = [ada.channel('private-room'), alan.channel('private-room')];
    await Promise.all([subscribed(mine), subscribed(others)]);
    const heard = new Promise((resolve) => others.bind('client-typing', resolve));
    mine.trigger('client-typing', {});
    await heard;
    expect(await scrape.value(`switchboard_client_events_total{${WS}}`)).toBe(1);
  });

  test('count how connections end: closed, lost, malformed, sent away', async () => {
    const { host, scrape } = await start();
    const closed = (reason: string) => `switchboard_connections_closed_total{${WS},reason="${reason}"}`;
    const [polite, broken, garbled] = [host.raw(), host.raw(), host.raw()];
    for (const raw of [polite, broken, garbled]) await raw.greeted();
    polite.socket.close(1000);
    await scrape.until(closed('client'), 1);
    broken.socket.terminate();
    await scrape.until(closed('lost'), 1);
    // A frame with bits that nobody has agreed on.
    (garbled.socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket.write(
      Buffer.from([0xf1, 0x80, 0, 0, 0, 0]),
    );
    await scrape.until(closed('malformed'), 1);
    await host.browser('ada');
    await host.nest.get(SocketService).disconnectMember('ada');
    expect(await scrape.value(closed('4009'))).toBe(1);
  });

  test('count the reader that is closed because it is too slow', async () => {
    const { host, scrape } = await start({ gateway: { limits: { bufferedBytes: 100_000 } } });
    const slow = connectTcp(host.port, '127.0.0.1');
    onTeardown(() => slow.destroy());
    slow.write(
      `GET /app/${host.app.key}?protocol=7 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await once(slow, 'readable');
    const frame = Buffer.from('{"event":"pusher:subscribe","data":{"channel":"news"}}');
    slow.write(Buffer.concat([Buffer.from([0x81, 0x80 | frame.length, 0, 0, 0, 0]), frame]));
    while ((await host.engines.subscriptions('news')) < 1) await nextTurn();
    slow.pause();
    const service = host.nest.get(SocketService);
    const series = `switchboard_connections_closed_total{${WS},reason="slow_reader"}`;
    while ((await scrape.value(`switchboard_connections{${WS}}`)) === 1) {
      await service.relayToChannel('news', 'ANNOUNCED', { message: 'x'.repeat(10_000) });
      await nextTurn();
    }
    expect(await scrape.value(series)).toBe(1);
    expect(await scrape.value(`switchboard_connections_closed_total{${WS},reason="lost"}`)).toBe(0);
  });

  test('say what waits for the webhooks, and what has arrived there', async () => {
    const endpoint = await WebhookEndpoint.start(DEVELOPMENT_APP);
    const { host, scrape } = await start({ webhooks: { urls: [endpoint.url], privateTargets: true } });
    expect(await scrape.value(`switchboard_webhook_events_waiting{${WS}}`)).toBe(0);
    await host.browser('ada');
    const delivered = `switchboard_webhook_events_delivered_total{${WS}}`;
    while (((await scrape.value(delivered)) ?? 0) === 0) await nextTurn();
    expect(await scrape.value(`switchboard_webhook_events_lost_total{${WS}}`)).toBe(0);
  });

  test('say what the history has, and what it has dropped for want of room', async () => {
    const { host, scrape } = await start({ history: { channels: ['news'], channelEvents: 2, ageS: 3_600 } });
    const values = () =>
      Promise.all(
        ['events', 'bytes', 'dropped_total'].map((name) =>
          scrape.value(`switchboard_history_${name}{${WS}}`),
        ),
      );
    expect(await values()).toEqual([0, 0, 0]);
    const service = host.nest.get(SocketService);
    for (let n = 0; n < 5; n++)
      await service.relayToChannel('news', 'ANNOUNCED', { message: 'x'.repeat(1_000) });
    const [events, bytes, dropped] = await values();
    expect([events, dropped]).toEqual([2, 3]);
    expect(bytes).toBeGreaterThan(2_000);
    expect(bytes).toBeLessThan(4_000);
  });

  test('have nothing to say of webhooks, history and other nodes where there are none', async () => {
    const { scrape } = await start();
    expect(await scrape.value(`switchboard_history_events{${WS}}`)).toBeUndefined();
    expect(await scrape.value(`switchboard_webhook_events_waiting{${WS}}`)).toBeUndefined();
    expect(await scrape.value(`switchboard_cluster_unreachable{${WS}}`)).toBeUndefined();
  });
});
