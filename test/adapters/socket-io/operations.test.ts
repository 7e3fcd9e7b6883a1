import { type ChannelEvents, SocketService } from 'nestjs-switchboard';
import { startTwo } from '../../e2e/two-providers/support.js';
import { Scrape } from '../../modules/socket/metrics/support.js';
import { EventQueue } from '../../support/event-queue.js';
import { connected } from '../../support/socket-io-browser.js';
import { newPage, pageOf, refusalOf, startHost } from './support.js';

const LABEL = 'provider="socket-io"';

test('the metrics of a gateway hold for Socket.IO', async () => {
  const scrape = new Scrape();
  const host = await startHost({
    metrics: scrape.registry,
    gateway: { clientEvents: true, limits: { connections: 3 } },
  });
  const ada = await pageOf(host.url, 'ada');
  const again = await pageOf(host.url, 'ada', { transports: ['polling'] });
  const alan = await pageOf(host.url, 'alan');
  await ada.subscribe('presence-room');
  await alan.subscribe('presence-room');
  expect(await scrape.value(`switchboard_connections{${LABEL}}`)).toBe(3);
  expect(await scrape.value(`switchboard_members{${LABEL}}`)).toBe(2);
  // Their own, the broadcast channel, and the room.
  expect(await scrape.value(`switchboard_subscriptions{${LABEL}}`)).toBe(3 + 3 + 2);
  await refusalOf(newPage(host.url, { reconnection: false }));
  expect(await scrape.value(`switchboard_connections_refused_total{${LABEL},reason="503"}`)).toBe(1);
  await ada.ask('nonsense');
  await ada.ask('client-said', 1, 'presence-room');
  await alan.next();
  expect(await scrape.value(`switchboard_client_events_total{${LABEL}}`)).toBe(1);
  await again.leave();
  await scrape.until(`switchboard_connections{${LABEL}}`, 2);
  expect(await scrape.value(`switchboard_connections_opened_total{${LABEL}}`)).toBe(3);
  expect(await scrape.value(`switchboard_connections_closed_total{${LABEL},reason="client"}`)).toBe(1);
});

test('onChannelEvent tells of a room of Socket.IO pages', async () => {
  const host = await startHost({ gateway: { clientEvents: true, presenceGraceMs: 1 } });
  const service = host.app.get(SocketService);
  const events = new EventQueue();
  const names = ['channel_occupied', 'channel_vacated', 'member_added', 'member_removed', 'client_event'];
  for (const name of names as (keyof ChannelEvents)[])
    service.onChannelEvent(name, (event) => {
      if (event.channel === 'presence-room') events.push(event);
    });
  const [ada, alan] = [await pageOf(host.url, 'ada'), await pageOf(host.url, 'alan')];
  const channel = 'presence-room';
  await ada.subscribe(channel);
  expect(await events.next()).toEqual({ name: 'channel_occupied', channel });
  expect(await events.next()).toEqual({ name: 'member_added', channel, user_id: 'ada' });
  await alan.subscribe(channel);
  expect(await events.next()).toEqual({ name: 'member_added', channel, user_id: 'alan' });
  await ada.ask('client-said', { text: 'hi' }, channel);
  expect(await events.next()).toEqual({
    name: 'client_event',
    channel,
    event: 'client-said',
    data: '{"text":"hi"}',
    socket_id: ada.socketId,
    user_id: 'ada',
  });
  await ada.leave();
  expect(await events.next()).toEqual({ name: 'member_removed', channel, user_id: 'ada' });
  await alan.leave();
  expect(await events.next()).toEqual({ name: 'member_removed', channel, user_id: 'alan' });
  expect(await events.next()).toEqual({ name: 'channel_vacated', channel });
});

describe.each(['mirror', 'failover'] as const)('as the second of two providers, a %s', (role) => {
  test(`takes part in every relay that it should`, async () => {
    const { backend, service, api, inForce } = await startTwo({
      provider: ['pusher', 'socket-io'],
      second: { role },
      delivery: { retryDeadlineMs: 0, breakerFailures: 1 },
      socketIo: { handshakeHeaders: ['x-member'] },
    });
    const page = await pageOf(backend.url, 'ada');
    await service.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'alan', text: '1' });
    expect(await page.next()).toEqual({ event: 'MEMBER_MESSAGED', payload: { from: 'alan', text: '1' } });
    expect(await inForce()).toBe('pusher');
    api.cut();
    await service.relayToMember('ada', 'MEMBER_MESSAGED', { from: 'alan', text: '2' });
    expect(await page.next()).toEqual({ event: 'MEMBER_MESSAGED', payload: { from: 'alan', text: '2' } });
    expect(await inForce()).toBe(role === 'mirror' ? 'pusher' : 'socket-io');
  });
});

test('as the first of two, its pages hear what is relayed, and the config names it', async () => {
  const { backend, service, inForce } = await startTwo({
    provider: ['socket-io', 'pusher'],
    second: { role: 'mirror' },
    socketIo: { handshakeHeaders: ['x-member'] },
  });
  const page = newPage(backend.url, { auth: { headers: { 'x-member': 'ada' } } });
  await connected(page);
  expect(await service.relayToMember('ada', 'TEST_MAYBE')).toMatchObject({ status: 'sent' });
  expect((await page.next()).event).toBe('TEST_MAYBE');
  expect(await inForce()).toBe('socket-io');
});
