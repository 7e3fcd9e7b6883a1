import {
  AuthorizeChannel,
  type ChannelAuthorizer,
  type Identity,
  type SocketModuleOptions,
} from 'nestjs-switchboard';
import type { FakeMember } from 'nestjs-switchboard/testing';
import { userChannel } from '../../src/protocol/channel-name.js';
import { type FakeHost, logged, startFake } from '../support/hosts.js';

const NOTED = 'TEST_NOTED' as never;
const ORDERS = 'private-orders.7';
const NOTES = 'private-encrypted-notes.7';

/** The members who are admitted nowhere any more. */
const banned = new Set<string>();
beforeEach(() => {
  banned.clear();
});

class NotBanned implements ChannelAuthorizer {
  authorize({ id }: Identity): boolean {
    return !banned.has(id);
  }
}
@AuthorizeChannel('private-orders.{id}')
class OrdersChannel extends NotBanned {}
@AuthorizeChannel('private-encrypted-notes.{id}')
class NotesChannel extends NotBanned {}
@AuthorizeChannel('private-cache-price.{id}')
class PriceChannel extends NotBanned {}
@AuthorizeChannel('presence-room')
class RoomChannel extends NotBanned {}

const CHANNELS = [
  'members',
  'broadcast',
  'private-orders.{id}',
  'private-encrypted-notes.{id}',
  'private-cache-price.{id}',
  'presence-room',
];

async function start({ history, ...options }: SocketModuleOptions = {}): Promise<
  FakeHost & { ada: FakeMember }
> {
  const host = await startFake(
    {
      history: { channels: CHANNELS, ...history },
      encryptionMasterKey: Buffer.alloc(32, 7).toString('base64'),
      gateway: { clientEvents: true },
      ...options,
    },
    { providers: [OrdersChannel, NotesChannel, PriceChannel, RoomChannel] },
  );
  return { ...host, ada: await host.fake.connect('ada') };
}

const payloads = ({ received }: FakeMember) => received.map(({ payload }) => payload);

describe('comeBack', () => {
  test('brings what was relayed meanwhile on every channel, once, in its order, and before newer events', async () => {
    const { ada, service } = await start();
    await ada.subscribe(ORDERS);
    await service.relayToChannel(ORDERS, NOTED, 1 as never);
    ada.loseConnection();
    expect(ada.isConnected).toBe(false);
    for (const n of [2, 3]) await service.relayToChannel(ORDERS, NOTED, n as never);
    await service.relayToMember('ada', NOTED, 'mine' as never);
    await service.broadcast(NOTED, 'all' as never);
    expect(payloads(ada)).toEqual([1]);
    await ada.comeBack();
    await service.relayToChannel(ORDERS, NOTED, 4 as never);
    expect(ada.isConnected).toBe(true);
    const on = (name: string) =>
      ada.received.filter(({ channel }) => channel === name).map(({ payload }) => payload);
    expect(on(ORDERS)).toEqual([1, 2, 3, 4]);
    expect(on(userChannel('ada'))).toEqual(['mine']);
    expect(on('broadcast')).toEqual(['all']);
    expect(ada.received).toHaveLength(6);
    expect(ada.gaps).toEqual([]);
  });

  test('brings the same as a member gets who has never lost the connection', async () => {
    const { ada, fake, service } = await start();
    const alan = await fake.connect('alan');
    for (const member of [ada, alan]) for (const channel of [ORDERS, NOTES]) await member.subscribe(channel);
    for (let n = 0; n < 300; n++) {
      if (n % 60 === 20) ada.loseConnection();
      await service.relayToChannel(
        n % 3 === 0 ? NOTES : ORDERS,
        NOTED,
        (n % 7 === 0 ? undefined : n) as never,
      );
      if (n % 60 === 50) await ada.comeBack();
    }
    for (const channel of [ORDERS, NOTES]) {
      const heard = (member: FakeMember) => member.received.filter((event) => event.channel === channel);
      expect(heard(ada)).toEqual(heard(alan));
    }
    expect(ada.received).toHaveLength(300);
  });

  test('holds events back that are relayed while it catches up', async () => {
    const { ada, service } = await start();
    await ada.subscribe(ORDERS);
    ada.loseConnection();
    for (let n = 0; n < 250; n++) await service.relayToChannel(ORDERS, NOTED, n as never);
    const back = ada.comeBack();
    for (let n = 250; n < 300; n++) {
      await service.relayToChannel(ORDERS, NOTED, n as never, n % 2 ? {} : { exceptSocketId: ada.socketId });
    }
    await back;
    await service.relayToChannel(ORDERS, NOTED, 300 as never);
    const all = Array.from({ length: 301 }, (_, n) => n);
    expect(payloads(ada)).toEqual(all.filter((n) => n < 250 || n % 2 === 1 || n === 300));
  });

  test('leaves out what was left out for any of its connections', async () => {
    const { ada, service } = await start();
    await ada.subscribe(ORDERS);
    const first = ada.socketId;
    const relay = (n: number, exceptSocketId?: string) =>
      service.relayToChannel(ORDERS, NOTED, n as never, { exceptSocketId });
    await relay(1, first);
    ada.loseConnection();
    await relay(2, first);
    await relay(3, '1.2');
    await ada.comeBack();
    expect(ada.socketId).not.toBe(first);
    await relay(4, ada.socketId);
    ada.loseConnection();
    await relay(5, first);
    await relay(6);
    await ada.comeBack();
    expect(payloads(ada)).toEqual([3, 6]);
    expect(ada.gaps).toEqual([]);
  });

  test('signs in again, is present again, and answers again', async () => {
    const { ada, fake, service } = await start();
    const alan = await fake.connect('alan');
    for (const member of [alan, ada]) await member.subscribe('presence-room');
    ada.answers('STILL_THERE', () => 'yes');
    ada.loseConnection();
    fake.advance(3_000);
    expect(alan.present('presence-room')).toEqual([{ id: 'alan' }]);
    await ada.comeBack();
    expect(alan.present('presence-room')).toEqual([{ id: 'alan' }, { id: 'ada' }]);
    expect(ada.present('presence-room')).toHaveLength(2);
    expect(await service.askMember('ada', 'STILL_THERE')).toBe('yes');
  });

  test('does not count client events, and does not bring those that were missed', async () => {
    const { ada, fake, service } = await start();
    const alan = await fake.connect('alan');
    for (const member of [ada, alan]) await member.subscribe(ORDERS);
    alan.trigger(ORDERS, 'client-typing', 'a');
    await service.relayToChannel(ORDERS, NOTED, 1 as never);
    ada.loseConnection();
    alan.trigger(ORDERS, 'client-typing', 'b');
    await service.relayToChannel(ORDERS, NOTED, 2 as never);
    await ada.comeBack();
    expect(payloads(ada)).toEqual(['a', 1, 2]);
  });

  test('brings the remembered event of a cache channel once', async () => {
    const { ada, service } = await start();
    const price = 'private-cache-price.7';
    await service.relayToChannel(price, NOTED, 1 as never);
    await ada.subscribe(price);
    ada.loseConnection();
    await ada.comeBack();
    expect(payloads(ada)).toEqual([1]);
    ada.loseConnection();
    for (const n of [2, 3]) await service.relayToChannel(price, NOTED, n as never);
    await ada.comeBack();
    await service.relayToChannel(price, NOTED, 4 as never);
    expect(payloads(ada)).toEqual([1, 2, 3, 4]);
  });

  test('brings nothing from a channel that it has left, or was not on', async () => {
    const { ada, service } = await start();
    await ada.subscribe(ORDERS);
    ada.unsubscribe(ORDERS);
    ada.loseConnection();
    await service.relayToChannel(ORDERS, NOTED, 1 as never);
    await ada.comeBack();
    await ada.subscribe(ORDERS);
    await service.relayToChannel(ORDERS, NOTED, 2 as never);
    expect(payloads(ada)).toEqual([2]);
  });

  test('misses what was relayed meanwhile on a channel without history, as in production', async () => {
    const { ada, service } = await start({ history: { channels: [] } });
    await ada.subscribe(ORDERS);
    ada.loseConnection();
    await service.relayToChannel(ORDERS, NOTED, 1 as never);
    await service.relayToMember('ada', NOTED, 2 as never);
    await ada.comeBack();
    await service.relayToChannel(ORDERS, NOTED, 3 as never);
    expect(payloads(ada)).toEqual([3]);
    expect(ada.gaps).toEqual([]);
  });

  test('comes back after the application has closed the connection for a while', async () => {
    const { ada, fake, service } = await start();
    await ada.subscribe('presence-room');
    await service.removeFromChannel('presence-room', 'ada');
    await expect(ada.subscribe('presence-room')).rejects.toThrow('closed with 4200');
    await service.relayToMember('ada', NOTED, 1 as never);
    fake.advance(1_000);
    await ada.comeBack();
    expect(payloads(ada)).toEqual([1]);
    expect(ada.present('presence-room')).toEqual([{ id: 'ada' }]);
  });

  test.each<[when: string, leave: (host: Awaited<ReturnType<typeof start>>) => unknown, said: string]>([
    ['while it is connected', () => undefined, 'the connection is open; call loseConnection() first'],
    [
      'after disconnect(), as a closed tab does not',
      ({ ada }) => {
        ada.disconnect();
      },
      'disconnect() has closed the tab; call loseConnection() instead',
    ],
    [
      'after disconnectMember, as pusher-js does not',
      ({ service }) => service.disconnectMember('ada'),
      'the connection was closed with 4009, so the browser stays away',
    ],
  ])('is refused in a sentence %s', async (_when, leave, said) => {
    const host = await start();
    await leave(host);
    await expect(host.ada.comeBack()).rejects.toThrow(`"ada" could not come back: ${said}`);
  });
});

describe('gaps', () => {
  test('has trimmed when events were too old, and nothing of the missed ones arrives', async () => {
    const { ada, fake, service } = await start({ history: { channels: [ORDERS], ageS: 60 } });
    await ada.subscribe(ORDERS);
    await service.relayToChannel(ORDERS, NOTED, 1 as never);
    ada.loseConnection();
    await service.relayToChannel(ORDERS, NOTED, 2 as never);
    fake.advance(60_000);
    await service.relayToChannel(ORDERS, NOTED, 3 as never);
    await ada.comeBack();
    expect(ada.gaps).toEqual([{ channel: ORDERS, reason: 'trimmed' }]);
    await service.relayToChannel(ORDERS, NOTED, 4 as never);
    expect(payloads(ada)).toEqual([1, 4]);
    ada.loseConnection();
    await service.relayToChannel(ORDERS, NOTED, 5 as never);
    await ada.comeBack();
    expect(payloads(ada)).toEqual([1, 4, 5]);
    expect(ada.gaps).toHaveLength(1);
  });

  test('has trimmed when there were too many events, on that channel only', async () => {
    const { ada, service } = await start({ history: { channelEvents: 2 } });
    await ada.subscribe(ORDERS);
    ada.loseConnection();
    for (const n of [1, 2, 3]) await service.relayToChannel(ORDERS, NOTED, n as never);
    await service.broadcast(NOTED, 'all' as never);
    await ada.comeBack();
    expect(payloads(ada)).toEqual(['all']);
    expect(ada.gaps).toEqual([{ channel: ORDERS, reason: 'trimmed' }]);
  });

  test('has restarted when the log was forgotten', async () => {
    const { ada, fake, service } = await start();
    await ada.subscribe(ORDERS);
    await service.relayToChannel(ORDERS, NOTED, 1 as never);
    ada.loseConnection();
    fake.advance(24 * 60 * 60_000);
    await ada.comeBack();
    expect(ada.gaps).toContainEqual({ channel: ORDERS, reason: 'restarted' });
    await service.relayToChannel(ORDERS, NOTED, 2 as never);
    expect(payloads(ada)).toEqual([1, 2]);
  });

  test('has refused once when the authorizer says no now, and the others arrive', async () => {
    logged('warn');
    const { ada, service } = await start();
    await ada.subscribe(ORDERS);
    ada.loseConnection();
    banned.add('ada');
    await service.relayToChannel(ORDERS, NOTED, 1 as never);
    await service.relayToMember('ada', NOTED, 2 as never);
    await ada.comeBack();
    await service.relayToChannel(ORDERS, NOTED, 3 as never);
    expect(payloads(ada)).toEqual([2]);
    expect(ada.gaps).toEqual([{ channel: ORDERS, reason: 'refused' }]);
    ada.loseConnection();
    await ada.comeBack();
    expect(ada.gaps).toHaveLength(1);
  });

  test('is followed by the remembered event of a cache channel, which is the newest there is', async () => {
    const { ada, service } = await start({ history: { channelEvents: 1 } });
    const price = 'private-cache-price.7';
    await ada.subscribe(price);
    ada.loseConnection();
    for (const n of [1, 2, 3]) await service.relayToChannel(price, NOTED, n as never);
    await ada.comeBack();
    expect(ada.gaps).toEqual([{ channel: price, reason: 'trimmed' }]);
    expect(payloads(ada)).toEqual([3]);
  });
});
