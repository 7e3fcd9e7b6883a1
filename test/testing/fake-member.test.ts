import {
  AuthorizeChannel,
  type ChannelAuthorizer,
  type Identity,
  type PresenceMember,
  type SocketModuleOptions,
} from 'nestjs-switchboard';
import { startFake } from '../support/hosts.js';

@AuthorizeChannel('private-diary.{owner}')
class DiaryChannel implements ChannelAuthorizer<{ owner: string }> {
  authorize(member: Identity, { owner }: { owner: string }): boolean {
    return member.id === owner;
  }
}

@AuthorizeChannel('presence-{room}')
class RoomChannel implements ChannelAuthorizer<{ room: string }> {
  authorize({ id }: Identity, { room }: { room: string }): boolean | PresenceMember {
    if (room === 'masks') return { id: `mask-${id}`, info: { mask: true } };
    return room !== 'closed';
  }
}

const start = (options: SocketModuleOptions = {}) =>
  startFake(options, { providers: [DiaryChannel, RoomChannel] });

describe('subscribe', () => {
  test("asks the application's own authorizers", async () => {
    const { fake, service } = await start();
    const [alice, bob] = [await fake.connect('alice'), await fake.connect('bob')];
    await alice.subscribe('private-diary.alice');
    await expect(bob.subscribe('private-diary.alice')).rejects.toThrow(
      '"bob" could not subscribe to "private-diary.alice": no authorizer admits this member',
    );
    await service.relayToChannel('private-diary.alice', 'ANNOUNCED', { message: 'secret' });
    expect(alice).toHaveReceived('ANNOUNCED', { message: 'secret' });
    expect(bob).toHaveReceivedNothing();
  });

  test('asks nobody for a public channel, and tells the channel with what arrives', async () => {
    const { fake, service } = await start();
    const alice = await fake.connect('alice');
    await alice.subscribe('news');
    await service.relayToChannel('news', 'ANNOUNCED', { message: 'x' });
    expect(alice.received).toMatchObject([{ event: 'ANNOUNCED', channel: 'news' }]);
  });

  test('to a name that is none is refused in a sentence', async () => {
    const { fake } = await start();
    const alice = await fake.connect('alice');
    await expect(alice.subscribe('a b')).rejects.toThrow(
      /^"alice" could not subscribe to "a b": .*characters/,
    );
    await expect(alice.subscribe('#server-to-user-bob')).rejects.toThrow(
      /^"alice" could not subscribe to "#server-/,
    );
  });

  test('is over after unsubscribe', async () => {
    const { fake, service } = await start();
    const alice = await fake.connect('alice');
    await alice.subscribe('news');
    alice.unsubscribe('news');
    await service.relayToChannel('news', 'ANNOUNCED', { message: 'x' });
    expect(alice).toHaveReceivedNothing();
  });
});

describe('present', () => {
  test('knows who came before, who comes, and who leaves', async () => {
    const { fake } = await start();
    const alice = await fake.connect({ id: 'alice', info: { name: 'Alice' } });
    const bob = await fake.connect('bob');
    expect(alice.present('presence-lobby')).toEqual([]);
    await alice.subscribe('presence-lobby');
    expect(alice.present('presence-lobby')).toEqual([{ id: 'alice', info: { name: 'Alice' } }]);
    await bob.subscribe('presence-lobby');
    const both = [{ id: 'alice', info: { name: 'Alice' } }, { id: 'bob' }];
    expect(alice.present('presence-lobby')).toEqual(both);
    expect(bob.present('presence-lobby')).toEqual(both);
    bob.unsubscribe('presence-lobby');
    expect(alice.present('presence-lobby')).toEqual([both[0]]);
    expect(alice).toHaveReceivedNothing();
  });

  test('has the member as the authorizer names it', async () => {
    const { fake } = await start();
    const alice = await fake.connect('alice');
    await alice.subscribe('presence-masks');
    expect(alice.present('presence-masks')).toEqual([{ id: 'mask-alice', info: { mask: true } }]);
  });

  test('counts members, not tabs', async () => {
    const { fake } = await start();
    const [watcher, left, right] = [
      await fake.connect('watcher'),
      await fake.connect('alice'),
      await fake.connect('alice'),
    ];
    for (const tab of [watcher, left, right]) await tab.subscribe('presence-lobby');
    const ids = () => watcher.present('presence-lobby').map(({ id }) => id);
    expect(ids()).toEqual(['watcher', 'alice']);
    left.unsubscribe('presence-lobby');
    expect(ids()).toEqual(['watcher', 'alice']);
    right.unsubscribe('presence-lobby');
    expect(ids()).toEqual(['watcher']);
  });

  test('still has a member whose tab was closed, until the grace period is over', async () => {
    const { fake } = await start();
    const [alice, bob] = [await fake.connect('alice'), await fake.connect('bob')];
    await alice.subscribe('presence-lobby');
    await bob.subscribe('presence-lobby');
    const ids = () => alice.present('presence-lobby').map(({ id }) => id);
    bob.disconnect();
    fake.advance(2_999);
    expect(ids()).toEqual(['alice', 'bob']);
    fake.advance(1);
    expect(ids()).toEqual(['alice']);
  });

  test('never loses a member who reloads the page within the grace period', async () => {
    const { fake } = await start({ gateway: { presenceGraceMs: 500 } });
    const [alice, bob] = [await fake.connect('alice'), await fake.connect('bob')];
    await alice.subscribe('presence-lobby');
    await bob.subscribe('presence-lobby');
    bob.disconnect();
    fake.advance(499);
    await (await fake.connect('bob')).subscribe('presence-lobby');
    fake.advance(60_000);
    expect(alice.present('presence-lobby').map(({ id }) => id)).toEqual(['alice', 'bob']);
  });

  test('loses a member at once whom the application disconnects, and without a grace period', async () => {
    const { fake, service } = await start({ gateway: { presenceGraceMs: 0 } });
    const [alice, bob, carol] = [
      await fake.connect('alice'),
      await fake.connect('bob'),
      await fake.connect('carol'),
    ];
    for (const member of [alice, bob, carol]) await member.subscribe('presence-lobby');
    await service.disconnectMember('bob');
    carol.disconnect();
    expect(alice.present('presence-lobby').map(({ id }) => id)).toEqual(['alice']);
  });
});

describe('removedFrom', () => {
  test('has the channels that the application has taken the member out of, in every tab', async () => {
    const { fake, service } = await start();
    const tabs = [await fake.connect('alice'), await fake.connect('alice')];
    const bob = await fake.connect('bob');
    for (const browser of [...tabs, bob]) await browser.subscribe('presence-room');
    for (const tab of tabs) await tab.subscribe('private-diary.alice');
    await service.removeFromChannel('presence-room', 'alice');
    for (const tab of tabs) expect(tab.removedFrom).toEqual(['presence-room']);
    expect(bob.removedFrom).toEqual([]);
    expect(bob.present('presence-room')).toMatchObject([{ id: 'bob' }]);
    await service.removeFromChannel('private-diary.alice', 'alice');
    for (const tab of tabs) expect(tab.removedFrom).toEqual(['presence-room', 'private-diary.alice']);
  });

  test('has no channel that the member was refused on, or left', async () => {
    const { fake, service } = await start();
    const alice = await fake.connect('alice');
    await expect(alice.subscribe('private-diary.bob')).rejects.toThrow('no authorizer admits');
    await alice.subscribe('presence-room');
    alice.unsubscribe('presence-room');
    await service.removeFromChannel('presence-room', 'alice');
    expect(alice.removedFrom).toEqual([]);
  });

  test('is followed by the end of the connection if the browser subscribes again', async () => {
    const { fake, service } = await start();
    const alice = await fake.connect('alice');
    await alice.subscribe('presence-room');
    await service.removeFromChannel('presence-room', 'alice');
    await expect(alice.subscribe('presence-room')).rejects.toThrow(
      '"alice" could not subscribe to "presence-room": the connection was closed with 4200',
    );
    const again = await fake.connect('alice');
    await again.subscribe('presence-room');
    expect(again.present('presence-room')).toMatchObject([{ id: 'alice' }]);
  });
});

describe('trigger', () => {
  const allowed = { gateway: { clientEvents: true } };

  test('reaches the other subscribers of a presence channel, with who sent it', async () => {
    const { fake } = await start(allowed);
    const [alice, bob, outside] = [
      await fake.connect('alice'),
      await fake.connect('bob'),
      await fake.connect('carol'),
    ];
    await alice.subscribe('presence-lobby');
    await bob.subscribe('presence-lobby');
    alice.trigger('presence-lobby', 'client-typing', { keys: 3 });
    expect(bob.received).toEqual([
      { event: 'client-typing', payload: { keys: 3 }, channel: 'presence-lobby', userId: 'alice' },
    ]);
    expect(alice).toHaveReceivedNothing();
    expect(outside).toHaveReceivedNothing();
  });

  test('does not say who sent it on a private channel, and needs no payload', async () => {
    const { fake } = await start(allowed);
    const tabs = [await fake.connect('alice'), await fake.connect('alice')] as const;
    for (const tab of tabs) await tab.subscribe('private-diary.alice');
    tabs[0].trigger('private-diary.alice', 'client-typing');
    expect(tabs[1].received).toEqual([
      { event: 'client-typing', payload: undefined, channel: 'private-diary.alice', userId: undefined },
    ]);
  });

  test('is no relay of the application', async () => {
    const { fake } = await start(allowed);
    const alice = await fake.connect('alice');
    await alice.subscribe('presence-lobby');
    alice.trigger('presence-lobby', 'client-typing');
    fake.assertNothingRelayed();
  });

  test.each([
    [
      'where client events are off, as they are by default',
      {},
      'presence-lobby',
      'client-typing',
      /not enabled/,
    ],
    ['on a channel it is not subscribed to', allowed, 'presence-other', 'client-typing', /not subscribed/],
    ['on a public channel', allowed, 'broadcast', 'client-typing', /private and presence/],
    ['under a name that is no client event', allowed, 'presence-lobby', 'typing', /client-/],
    ['over 10 KB', allowed, 'presence-lobby', 'client-typing', /10240 bytes/],
    [
      'on a channel that has none',
      { gateway: { clientEvents: ['private-diary.alice'] } },
      'presence-lobby',
      'client-typing',
      /not enabled/,
    ],
  ] as [string, SocketModuleOptions, string, string, RegExp][])(
    'is refused in a sentence %s',
    async (what, options, channel, event, reason) => {
      const { fake } = await start(options);
      const [alice, bob] = [await fake.connect('alice'), await fake.connect('bob')];
      await alice.subscribe('presence-lobby');
      await bob.subscribe('presence-lobby');
      const payload = what.startsWith('over') ? 'x'.repeat(10_241) : {};
      const trigger = () => {
        alice.trigger(channel, event, payload);
      };
      expect(trigger).toThrow(`"alice" could not send "${event}" to "${channel}": `);
      expect(trigger).toThrow(reason);
      expect(bob).toHaveReceivedNothing();
      expect(alice.isConnected).toBe(true);
    },
  );
});

describe('the connection', () => {
  test('that the member drops has no close code, and hears nothing more', async () => {
    const { fake, service } = await start();
    const alice = await fake.connect('alice');
    alice.disconnect();
    await service.relayToMember('alice', 'TEST_TICKED');
    expect([alice.isConnected, alice.closeCode]).toEqual([false, undefined]);
    expect(alice).toHaveReceivedNothing();
    await expect(alice.subscribe('news')).rejects.toThrow(
      '"alice" could not subscribe to "news": the connection is closed',
    );
    expect(() => {
      alice.trigger('news', 'client-x');
    }).toThrow('"alice" could not send "client-x" to "news": the connection is closed');
  });

  test('that the application ends has 4009, after everything that was relayed before', async () => {
    const { fake, service } = await start();
    const alice = await fake.connect('alice');
    await service.relayToMember('alice', 'TEST_TICKED');
    await service.disconnectMember('alice');
    expect([alice.isConnected, alice.closeCode]).toEqual([false, 4009]);
    expect(alice).toHaveReceived('TEST_TICKED');
  });

  test('that the closing application ends has 4200', async () => {
    const { fake, app } = await start();
    const alice = await fake.connect('alice');
    await app.close();
    expect([alice.isConnected, alice.closeCode]).toEqual([false, 4200]);
  });

  // A browser answers every ping. A member in memory is a browser whose page is open.
  test('stays open however far the clock is moved', async () => {
    const { fake, service } = await start();
    const alice = await fake.connect('alice');
    fake.advance(60 * 60_000);
    expect([alice.isConnected, alice.closeCode]).toEqual([true, undefined]);
    await service.relayToMember('alice', 'TEST_TICKED');
    expect(alice).toHaveReceived('TEST_TICKED');
  });
});

test('payloads arrive as JSON carries them', async () => {
  const { fake, service } = await start();
  const alice = await fake.connect('alice');
  await service.relayToMember('alice', 'TEST_LIST', ['123', '{"a":1}', '']);
  expect(alice).toHaveReceived('TEST_LIST', ['123', '{"a":1}', '']);
});
