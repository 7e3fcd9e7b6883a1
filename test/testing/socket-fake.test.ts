import type { EventName } from 'nestjs-switchboard';
import type { ExpectedPayload } from 'nestjs-switchboard/testing';
import { rejection, startFake } from '../support/hosts.js';

const HELLO = { from: 'ada', text: 'hello' };

/** The sentence an assertion fails with. */
function sentence(assertion: () => void): string {
  try {
    assertion();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('The assertion held');
}

describe('connect', () => {
  test('opens a browser that is signed in and on the broadcast channel', async () => {
    const { fake, service } = await startFake();
    const alice = await fake.connect('alice');
    expect(alice.isConnected).toBe(true);
    expect(alice).toHaveReceivedNothing();
    expect(await service.onlineMembers(['alice'])).toEqual(new Set(['alice']));
    await service.broadcast('ANNOUNCED', { message: 'hello' });
    expect(alice.received).toEqual([
      { event: 'ANNOUNCED', payload: { message: 'hello' }, channel: 'broadcast', userId: undefined },
    ]);
  });

  test('opens one tab for each call', async () => {
    const { fake, service } = await startFake();
    const tabs = [await fake.connect('alice'), await fake.connect('alice')];
    expect(tabs[0]?.socketId).not.toBe(tabs[1]?.socketId);
    expect(await service.health()).toMatchObject({ connections: 2 });
  });

  test('takes an identity, whose info presence channels show', async () => {
    const { fake } = await startFake({ broadcastChannel: 'private-all' });
    const alice = await fake.connect({ id: 'alice', info: { name: 'Alice' } });
    expect([alice.id, alice.identity]).toEqual(['alice', { id: 'alice', info: { name: 'Alice' } }]);
  });

  test('refuses an id that no member may have', async () => {
    const { fake } = await startFake();
    for (const id of ['', 'x'.repeat(256), '\ud800']) {
      await expect(fake.connect(id)).rejects.toMatchObject({ code: 'INVALID_MEMBER_ID' });
    }
  });
});

describe('relayed', () => {
  test('lists everything that was accepted, oldest first, one entry for each recipient', async () => {
    const { fake, service } = await startFake();
    const except = { exceptSocketId: '1.2' };
    await service.relayToMembers(['alice', 'bob'], 'MEMBER_MESSAGED', HELLO, except);
    await service.relayToChannel('news', 'ANNOUNCED', { message: 'x' });
    await service.broadcast('TEST_TICKED');
    await service.disconnectMember('alice');
    await service.onlineMembers(['alice']);
    expect(fake.relayed).toEqual([
      { kind: 'member', to: 'alice', event: 'MEMBER_MESSAGED', payload: HELLO, exceptSocketId: '1.2' },
      { kind: 'member', to: 'bob', event: 'MEMBER_MESSAGED', payload: HELLO, exceptSocketId: '1.2' },
      { kind: 'channel', to: 'news', event: 'ANNOUNCED', payload: { message: 'x' } },
      { kind: 'broadcast', to: 'broadcast', event: 'TEST_TICKED' },
      { kind: 'disconnect', to: 'alice' },
    ]);
  });

  test('has nothing of what failed, and starts anew after forget', async () => {
    const { fake, service } = await startFake();
    fake.faults.failNext();
    await rejection(service.broadcast('ANNOUNCED', { message: 'lost' }));
    expect(fake.relayed).toEqual([]);
    await service.broadcast('ANNOUNCED', { message: 'one' });
    fake.forget();
    expect(fake.relayed).toEqual([]);
    fake.assertNothingRelayed();
    await service.broadcast('ANNOUNCED', { message: 'two' });
    expect(fake.relayed).toMatchObject([{ payload: { message: 'two' } }]);
  });
});

describe('captured', () => {
  test('returns what was relayed meanwhile, by a handler nobody awaits too', async () => {
    const { fake, service } = await startFake();
    await service.broadcast('ANNOUNCED', { message: 'before' });
    const handler = async () => {
      // Handlers have a long way to go, like through a repository or two.
      for (let step = 0; step < 100; step++) await Promise.resolve();
      await service.relayToMember('alice', 'MEMBER_MESSAGED', HELLO);
    };
    const captured = await fake.captured(() => void handler().catch(() => undefined));
    await service.broadcast('ANNOUNCED', { message: 'after' });
    expect(captured).toEqual([{ kind: 'member', to: 'alice', event: 'MEMBER_MESSAGED', payload: HELLO }]);
  });

  test('awaits what it runs, and hands on what that throws', async () => {
    const { fake, service } = await startFake();
    expect(await fake.captured(() => service.broadcast('TEST_TICKED'))).toHaveLength(1);
    expect(await fake.captured(() => undefined)).toEqual([]);
    await expect(fake.captured(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    const thrower = () => {
      throw new Error('at once');
    };
    await expect(fake.captured(thrower)).rejects.toThrow('at once');
  });
});

describe('assertRelayed', () => {
  test('holds for the event alone, its payload, and a predicate that fits', async () => {
    const { fake, service } = await startFake();
    await service.relayToMembers(['alice', 'bob'], 'MEMBER_MESSAGED', HELLO);
    fake.assertRelayed('alice', 'MEMBER_MESSAGED');
    fake.assertRelayed('bob', 'MEMBER_MESSAGED', { text: 'hello', from: 'ada' });
    fake.assertRelayed('bob', 'MEMBER_MESSAGED', ({ text }: { text: string }) => text.startsWith('he'));
  });

  test('holds for the very payload that the application relayed, whatever JSON made of it', async () => {
    const { fake, service } = await startFake();
    const payload = { memberId: '7', occurredAt: 'now', reason: undefined, at: new Date(0) };
    await service.relayToMember('7', 'MEMBER_DEACTIVATED', payload);
    fake.assertRelayed('7', 'MEMBER_DEACTIVATED', payload);
  });

  test('fails in a sentence that says that nothing was', async () => {
    const { fake } = await startFake();
    expect(
      sentence(() => {
        fake.assertRelayed('7', 'MEMBER_DEACTIVATED');
      }),
    ).toBe('Expected "MEMBER_DEACTIVATED" to be relayed to member "7", but nothing was.');
  });

  test('fails in a sentence that lists what was', async () => {
    const { fake, service } = await startFake();
    await service.relayToMember('7', 'MEMBER_MESSAGED', HELLO);
    await service.relayToMember('7', 'TEST_TICKED');
    await service.relayToMember('8', 'ANNOUNCED', { message: 'to another' });
    const list = 'but this was:\n  - MEMBER_MESSAGED {"from":"ada","text":"hello"}\n  - TEST_TICKED';
    const assert = <E extends EventName>(id: string, event: E, ...expected: [ExpectedPayload<E>?]) =>
      sentence(() => {
        fake.assertRelayed(id, event, ...expected);
      });
    expect(assert('7', 'ANNOUNCED')).toBe(`Expected "ANNOUNCED" to be relayed to member "7", ${list}`);
    expect(assert('7', 'MEMBER_MESSAGED', { from: 'ada', text: 'bye' })).toBe(
      `Expected "MEMBER_MESSAGED" with {"from":"ada","text":"bye"} to be relayed to member "7", ${list}`,
    );
    expect(assert('7', 'MEMBER_MESSAGED', () => false)).toBe(
      `Expected "MEMBER_MESSAGED" with a payload that fits to be relayed to member "7", ${list}`,
    );
    expect(assert('7', 'MEMBER_MESSAGED', undefined)).toBe(
      `Expected "MEMBER_MESSAGED" with nothing to be relayed to member "7", ${list}`,
    );
  });

  test('does not take a channel, a broadcast or another member for the member', async () => {
    const { fake, service } = await startFake();
    await service.relayToChannel('alice', 'ANNOUNCED', { message: 'x' });
    await service.broadcast('ANNOUNCED', { message: 'x' });
    await service.relayToMember('bob', 'ANNOUNCED', { message: 'x' });
    expect(() => {
      fake.assertRelayed('alice', 'ANNOUNCED');
    }).toThrow('to be relayed to member "alice", but nothing was.');
  });
});

describe('assertRelayedToChannel and assertBroadcast', () => {
  test('hold for what was sent there', async () => {
    const { fake, service } = await startFake({ broadcastChannel: 'private-all' });
    await service.relayToChannel('news', 'ANNOUNCED', { message: 'x' });
    await service.broadcast('ANNOUNCED', { message: 'y' });
    fake.assertRelayedToChannel('news', 'ANNOUNCED', { message: 'x' });
    fake.assertBroadcast('ANNOUNCED', { message: 'y' });
  });

  test('fail in sentences that list what was', async () => {
    const { fake, service } = await startFake();
    expect(
      sentence(() => {
        fake.assertBroadcast('ANNOUNCED');
      }),
    ).toBe('Expected "ANNOUNCED" to be broadcast, but nothing was.');
    expect(
      sentence(() => {
        fake.assertRelayedToChannel('news', 'ANNOUNCED');
      }),
    ).toBe('Expected "ANNOUNCED" to be relayed to channel "news", but nothing was.');
    await service.relayToChannel('news', 'TEST_TICKED');
    await service.broadcast('ANNOUNCED', { message: 'y' });
    expect(
      sentence(() => {
        fake.assertBroadcast('ANNOUNCED', { message: 'x' });
      }),
    ).toBe(
      'Expected "ANNOUNCED" with {"message":"x"} to be broadcast, but this was:\n  - ANNOUNCED {"message":"y"}',
    );
    expect(
      sentence(() => {
        fake.assertRelayedToChannel('news', 'ANNOUNCED');
      }),
    ).toBe('Expected "ANNOUNCED" to be relayed to channel "news", but this was:\n  - TEST_TICKED');
  });
});

describe('assertNothingRelayed', () => {
  test('holds while nothing was, and for a member to whom nothing was', async () => {
    const { fake, service } = await startFake();
    fake.assertNothingRelayed();
    await service.relayToMember('alice', 'TEST_TICKED');
    await service.broadcast('TEST_TICKED');
    fake.assertNothingRelayed('bob');
  });

  test('fails in a sentence that lists what was, disconnects included', async () => {
    const { fake, service } = await startFake();
    await service.relayToMember('alice', 'MEMBER_MESSAGED', HELLO);
    await service.disconnectMember('alice');
    await service.broadcast('TEST_TICKED');
    const toAlice = '\n  - MEMBER_MESSAGED {"from":"ada","text":"hello"}\n  - disconnect';
    expect(
      sentence(() => {
        fake.assertNothingRelayed();
      }),
    ).toBe(`Expected nothing to be relayed to anybody, but this was:${toAlice}\n  - TEST_TICKED`);
    expect(
      sentence(() => {
        fake.assertNothingRelayed('alice');
      }),
    ).toBe(`Expected nothing to be relayed to member "alice", but this was:${toAlice}`);
  });
});

describe('assertDisconnected', () => {
  test('holds for a member whom the application disconnected', async () => {
    const { fake, service } = await startFake();
    await service.disconnectMember('alice');
    fake.assertDisconnected('alice');
  });

  test('fails in a sentence that says who was', async () => {
    const { fake, service } = await startFake();
    const assert = () =>
      sentence(() => {
        fake.assertDisconnected('alice');
      });
    (await fake.connect('alice')).disconnect();
    expect(assert()).toBe('Expected member "alice" to be disconnected, but nobody was.');
    await service.disconnectMember('bob');
    await service.disconnectMember('carol');
    expect(assert()).toBe('Expected member "alice" to be disconnected, but only these were: bob, carol.');
  });
});
