// Its matchers have types; those of the global one are `any`.
import { expect as importedExpect } from '@jest/globals';
import { socketMatchers } from 'nestjs-switchboard/testing';
import { startFake } from '../support/hosts.js';

const HELLO = { from: 'ada', text: 'hello' };

/** The sentence a failed expectation ends in. */
function sentence(expectation: () => void): string {
  try {
    expectation();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('The expectation held');
}

describe('toHaveReceived', () => {
  test('holds for the event alone, its payload, and a predicate that fits', async () => {
    const { fake, service } = await startFake();
    const alice = await fake.connect('alice');
    await service.relayToMember('alice', 'MEMBER_MESSAGED', HELLO);
    expect(alice).toHaveReceived('MEMBER_MESSAGED');
    expect(alice).toHaveReceived('MEMBER_MESSAGED', { text: 'hello', from: 'ada' });
    expect(alice).toHaveReceived('MEMBER_MESSAGED', ({ text }) => text === 'hello');
    expect(alice).not.toHaveReceived('ANNOUNCED');
    expect(alice).not.toHaveReceived('MEMBER_MESSAGED', { from: 'ada', text: 'bye' });
    expect(alice).not.toHaveReceived('MEMBER_MESSAGED', () => false);
    expect(alice).not.toHaveReceived('MEMBER_MESSAGED', undefined);
  });

  test('holds for an event without payload', async () => {
    const { fake, service } = await startFake();
    const alice = await fake.connect('alice');
    await service.relayToMember('alice', 'TEST_TICKED');
    expect(alice).toHaveReceived('TEST_TICKED');
    expect(alice).toHaveReceived('TEST_TICKED', undefined);
    // @ts-expect-error -- the compiler knows already that it has no payload
    expect(alice).not.toHaveReceived('TEST_TICKED', null);
  });

  test("understands the test runner's own expect.objectContaining", async () => {
    const { fake, service } = await startFake();
    const alice = await fake.connect('alice');
    await service.relayToMember('alice', 'MEMBER_MESSAGED', HELLO);
    expect(alice).not.toHaveReceived('MEMBER_MESSAGED', importedExpect.objectContaining({ text: 'bye' }));
    expect(alice).toHaveReceived('MEMBER_MESSAGED', importedExpect.objectContaining({ text: 'hello' }));
    expect(alice).toHaveReceived('MEMBER_MESSAGED', { from: 'ada', text: expect.any(String) as string });
  });

  test('fails in a sentence that lists what did arrive', async () => {
    const { fake, service } = await startFake();
    const alice = await fake.connect('alice');
    expect(
      sentence(() => {
        expect(alice).toHaveReceived('ANNOUNCED');
      }),
    ).toBe('Expected "ANNOUNCED" to reach member "alice", who received nothing.');
    await service.relayToMember('alice', 'MEMBER_MESSAGED', HELLO);
    await service.broadcast('TEST_TICKED');
    const list = 'who received:\n  - MEMBER_MESSAGED {"from":"ada","text":"hello"}\n  - TEST_TICKED';
    expect(
      sentence(() => {
        expect(alice).toHaveReceived('ANNOUNCED');
      }),
    ).toBe(`Expected "ANNOUNCED" to reach member "alice", ${list}`);
    expect(
      sentence(() => {
        expect(alice).toHaveReceived('MEMBER_MESSAGED', { from: 'ada', text: 'bye' });
      }),
    ).toBe(`Expected "MEMBER_MESSAGED" with {"from":"ada","text":"bye"} to reach member "alice", ${list}`);
    expect(
      sentence(() => {
        expect(alice).toHaveReceived('MEMBER_MESSAGED', () => false);
      }),
    ).toBe(`Expected "MEMBER_MESSAGED" with a payload that fits to reach member "alice", ${list}`);
    expect(
      sentence(() => {
        expect(alice).not.toHaveReceived('TEST_TICKED');
      }),
    ).toBe(`Expected "TEST_TICKED" not to reach member "alice", ${list}`);
  });
});

describe('toHaveReceivedNothing', () => {
  test('holds until something arrives', async () => {
    const { fake, service } = await startFake();
    const alice = await fake.connect('alice');
    expect(alice).toHaveReceivedNothing();
    await service.relayToMember('bob', 'TEST_TICKED');
    expect(alice).toHaveReceivedNothing();
    await service.relayToMember('alice', 'TEST_TICKED');
    expect(alice).not.toHaveReceivedNothing();
  });

  test('fails in a sentence either way', async () => {
    const { fake, service } = await startFake();
    const alice = await fake.connect('alice');
    expect(
      sentence(() => {
        expect(alice).not.toHaveReceivedNothing();
      }),
    ).toBe('Expected something to reach member "alice", but nothing did.');
    await service.relayToMember('alice', 'MEMBER_MESSAGED', HELLO);
    expect(
      sentence(() => {
        expect(alice).toHaveReceivedNothing();
      }),
    ).toBe(
      'Expected nothing to reach member "alice", but this did:\n  - MEMBER_MESSAGED {"from":"ada","text":"hello"}',
    );
  });
});

describe('toBeDisconnected', () => {
  test('holds for a member whom the server sent away, and for no other', async () => {
    const { fake, service } = await startFake();
    const [alice, bob, carol] = [
      await fake.connect('alice'),
      await fake.connect('bob'),
      await fake.connect('carol'),
    ];
    await service.disconnectMember('alice');
    bob.disconnect();
    expect(alice).toBeDisconnected();
    expect(bob).not.toBeDisconnected();
    expect(carol).not.toBeDisconnected();
  });

  test('fails in a sentence that says what the connection is', async () => {
    const { fake, service } = await startFake();
    const alice = await fake.connect('alice');
    const bob = await fake.connect('bob');
    bob.disconnect();
    expect(
      sentence(() => {
        expect(alice).toBeDisconnected();
      }),
    ).toBe('Expected member "alice" to be disconnected; the connection is open.');
    expect(
      sentence(() => {
        expect(bob).toBeDisconnected();
      }),
    ).toBe('Expected member "bob" to be disconnected; the connection is closed by the member.');
    await service.disconnectMember('alice');
    expect(
      sentence(() => {
        expect(alice).not.toBeDisconnected();
      }),
    ).toBe('Expected member "alice" not to be disconnected; the connection is closed with 4009.');
  });
});

test('the matchers can be handed to any expect.extend', async () => {
  const { fake } = await startFake();
  const alice = await fake.connect('alice');
  const result = socketMatchers.toHaveReceived(alice, 'ANNOUNCED');
  expect(result.pass).toBe(false);
  expect(result.message()).toContain('"ANNOUNCED" to reach member "alice"');
});
