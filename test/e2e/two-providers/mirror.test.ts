import { EventQueue } from '../../support/event-queue.js';
import { logged } from '../../support/hosts.js';
import { heard, HelperPage, openPlainPage, startTwo, text } from './support.js';

const MIRROR = { provider: ['pusher', 'ws'], second: { role: 'mirror' } } as const;

test('a mirror reaches a member on either provider, and knows and disconnects both', async () => {
  const { backend, service, inForce } = await startTwo(MIRROR);
  const events = new EventQueue<{ channel: string }>();
  service.onChannelEvent('channel_occupied', (event) => {
    if (event.channel.startsWith('room')) events.push(event);
  });
  expect(await inForce()).toBe('pusher');
  const onPusher = await HelperPage.open(backend, 'ada');
  const onWs = await openPlainPage(backend, 'alan', Number(new URL(backend.url).port));
  for (let n = 0; n < 20; n++) await service.relayToMembers(['ada', 'alan'], 'MEMBER_MESSAGED', text(n));
  for (let n = 0; n < 20; n++) {
    expect(await onPusher.next()).toEqual(heard(n));
    expect(await onWs.next()).toEqual(heard(n));
  }
  expect(await service.onlineMembers(['ada', 'alan', 'grace'])).toEqual(new Set(['ada', 'alan']));

  // One is told by the gateway of this process, and the other one by a webhook.
  onWs.pusher.subscribe('room-1');
  expect(await events.next()).toMatchObject({ channel: 'room-1' });
  onPusher.socket.channel('room-2');
  expect(await events.next()).toMatchObject({ channel: 'room-2' });

  const ended = [onPusher.socket.pusher, onWs.pusher].map(
    ({ connection }) =>
      new Promise<void>((resolve) => {
        connection.bind('disconnected', () => {
          resolve();
        });
      }),
  );
  await service.disconnectMember('ada');
  await service.disconnectMember('alan');
  await Promise.all(ended);
  expect(await service.health()).toMatchObject({
    status: 'up',
    second: { provider: 'ws', role: 'mirror', status: 'up', missed: 0, divergence: 0 },
  });
});

test('a relay that only one of the two took is counted, and waits for the primary alone', async () => {
  logged('warn');
  const { backend, service, api, inForce } = await startTwo(MIRROR);
  const onWs = await openPlainPage(backend, 'ada', Number(new URL(backend.url).port));
  api.cut();
  expect(await service.relayToMember('ada', 'MEMBER_MESSAGED', text(1))).toMatchObject({ status: 'queued' });
  expect(await onWs.next()).toEqual(heard(1));
  expect(await service.health()).toMatchObject({ second: { divergence: 1, missed: 0 } });
  // Browsers are led to the first, whatever becomes of it.
  expect(await inForce()).toBe('pusher');
  api.mend();
  // A retried relay is not mirrored again: the next that it hears is the next.
  while (service.relays.sent === 0) await new Promise((resolve) => setImmediate(resolve));
  await service.relayToMember('ada', 'MEMBER_MESSAGED', text(2));
  expect(await onWs.next()).toEqual(heard(2));
  expect(await service.health()).toMatchObject({ second: { divergence: 1, missed: 0 } });
});
