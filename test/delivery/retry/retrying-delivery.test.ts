import { jest } from '@jest/globals';
import { CLOSE_MS } from '../../../src/delivery/retry/retrying-delivery.js';
import { SocketRejectedError, SocketUnavailableError } from '../../../src/ports/errors.js';
import type { Relay } from '../../../src/ports/relay.js';
import type { DeliveryConfig } from '../../../src/ports/socket-config.js';
import { gate } from '../../adapters/pusher/support.js';
import {
  A_WHILE,
  down,
  type Fate,
  Provider,
  rejected,
  relayTo,
  settled,
  start,
  unavailable,
} from '../support.js';

describe('a relay that is accepted', () => {
  test('is sent with one call of the port, made at once, and nothing waits', async () => {
    const { send, provider, delivery, told } = start();
    const sending = send('A', 'ada');
    expect(provider.calls).toEqual(['A ada']);
    expect(await sending).toBe('sent');
    expect(delivery.health()).toEqual({ waiting: 0, bytes: 0, breaker: 'closed' });
    expect([delivery.queued, delivery.retried, told]).toEqual([0, 0, []]);
  });

  test('does not wait for the one before it', async () => {
    const { send, provider } = start();
    const held = gate();
    provider.gate = held.opened;
    const sendings = [send('A', 'ada'), send('B', 'ada')];
    expect(provider.calls).toEqual(['A ada', 'B ada']);
    held.open();
    expect(await Promise.all(sendings)).toEqual(['sent', 'sent']);
  });
});

describe('a relay that fails in a way a retry can help', () => {
  test('is answered at once, tried again, and told when it has arrived', async () => {
    const { send, provider, delivery, advance, told } = start();
    provider.fate = down;
    expect(await send('A', 'ada')).toBe('queued');
    expect(told).toEqual(['A waits']);
    expect(delivery.health()).toMatchObject({ waiting: 1, bytes: 3 });
    provider.fate = () => undefined;
    await advance(A_WHILE);
    expect(provider.calls).toEqual(['A ada', 'A ada']);
    expect(told).toEqual(['A waits', 'A arrived']);
    expect(delivery.health()).toMatchObject({ waiting: 0, bytes: 0 });
    expect([delivery.queued, delivery.retried]).toEqual([0, 1]);
  });

  test('is tried again ever less often, with all of the delay by chance', async () => {
    const random = jest.spyOn(Math, 'random').mockReturnValue(0.999);
    try {
      const { send, provider, clock, advance } = start();
      provider.fate = down;
      await send('A', 'ada');
      const began = clock.now();
      const at: number[] = [];
      while (clock.now() - began < 15_000) {
        const before = provider.calls.length;
        await advance(25);
        if (provider.calls.length > before) at.push(clock.now() - began);
      }
      expect(at).toEqual(
        [250, 750, 1_750, 3_750, 7_750, 12_750].map((time) => expect.closeTo(time, -2) as number),
      );
      random.mockReturnValue(0);
      const other = start();
      other.provider.fate = down;
      await other.send('A', 'ada');
      await other.advance(25);
      expect(other.provider.calls.length).toBeGreaterThan(1);
    } finally {
      random.mockRestore();
    }
  });

  test('is tried again only for those who were missed', async () => {
    const { send, provider, advance, told } = start();
    provider.fate = () => unavailable(['alan']);
    expect(await send('A', 'ada', 'alan', 'grace')).toBe('queued');
    provider.fate = () => undefined;
    expect(await send('B', 'ada')).toBe('sent');
    await advance(A_WHILE);
    expect(provider.calls).toEqual(['A ada,alan,grace', 'B ada', 'A alan']);
    expect(told).toEqual(['A waits', 'A arrived']);
  });

  test('is one call again for those who wait, however many', async () => {
    const { send, provider, advance } = start();
    provider.fate = down;
    await send('A', 'ada', 'alan', 'grace');
    provider.fate = () => undefined;
    await advance(A_WHILE);
    expect(provider.calls).toEqual(['A ada,alan,grace', 'A ada,alan,grace']);
  });

  test('is given up at its deadline, with the last reason, who was missed, and as often as it takes', async () => {
    const { send, provider, delivery, advance, told, losses } = start({ retryDeadlineMs: 1_000 });
    provider.fate = down;
    await send('A', 'ada', 'alan');
    await advance(2_000);
    expect(told).toEqual(['A waits', 'A lost to ada,alan']);
    expect(losses[0]).toBeInstanceOf(SocketUnavailableError);
    expect(losses[0]?.message).toMatch(
      /^Could not deliver "A" through "pusher" to members "ada", "alan": its deadline of 1000 ms has passed, after \d attempt\(s\): no answer/,
    );
    expect(delivery.health()).toMatchObject({ waiting: 0, bytes: 0 });
    await advance(A_WHILE);
    expect(told).toHaveLength(2);
  });

  test('is sent as it was when it was called for', async () => {
    const { delivery, provider, advance } = start();
    provider.fate = down;
    const to = ['ada', 'alan'];
    await delivery.send(relayTo('A', to));
    to.push('grace');
    provider.fate = () => undefined;
    await advance(A_WHILE);
    expect(provider.calls.at(-1)).toBe('A ada,alan');
  });
});

describe('a relay that is refused', () => {
  test('is an error at once, and not tried again', async () => {
    const { send, provider, advance, told } = start();
    const error = rejected(['ada']);
    provider.fate = () => error;
    await expect(send('A', 'ada')).rejects.toBe(error);
    await advance(A_WHILE);
    expect(provider.calls).toHaveLength(1);
    expect(told).toEqual([]);
  });

  test('for some is tried again for the others', async () => {
    const { send, provider, advance, told } = start();
    provider.fate = () => rejected(['ada', 'alan'], { retryableLost: ['alan'] });
    await expect(send('A', 'ada', 'alan')).rejects.toMatchObject({ lost: ['ada'], retryable: false });
    provider.fate = () => undefined;
    await advance(A_WHILE);
    expect(provider.calls.at(-1)).toBe('A alan');
    expect(told).toEqual(['A waits']);
  });

  test('when it is tried again is told as lost', async () => {
    const { send, provider, advance, told, losses } = start();
    provider.fate = down;
    await send('A', 'ada');
    provider.fate = rejected;
    await advance(A_WHILE);
    expect(told).toEqual(['A waits', 'A lost to ada']);
    expect(losses[0]).toBeInstanceOf(SocketRejectedError);
  });

  test('for a reason that is no failure of the provider is that error', async () => {
    const { send, provider, delivery } = start();
    provider.fate = () => {
      throw new TypeError('a bug');
    };
    await expect(send('A', 'ada')).rejects.toThrow(new TypeError('a bug'));
    provider.fate = () => undefined;
    expect(await send('B', 'ada')).toBe('sent');
    expect(delivery.queued).toBe(0);
  });
});

describe('the client is told that no attempt of a relay follows', () => {
  const WAIT = { retryDeadlineMs: 1_000 };

  test.each<[when: string, fates: readonly Fate[], outcome: string]>([
    ['it was delivered at once', [() => undefined], 'sent'],
    ['it was delivered by a retry', [down, () => undefined], 'A arrived'],
    ['it was refused at once', [rejected], 'refused'],
    ['it was refused by a retry', [down, rejected], 'A lost to ada'],
    ['it was given up at its deadline', [down], 'A lost to ada'],
  ])('once, where %s', async (_, [first = down, later = first], outcome) => {
    const { told, settledIds, provider, send, advance } = startWatched(WAIT);
    provider.fate = first;
    const answer = await send('A', 'ada').catch(() => 'refused');
    if (answer === 'queued') expect(settledIds).toEqual([]);
    provider.fate = later;
    await advance(2_000);
    expect(told.at(-1) ?? answer).toBe(outcome);
    expect(settledIds).toEqual(['A']);
  });

  test('where there is no room to wait, and where it is lost when the delivery closes', async () => {
    const { settledIds, provider, send, delivery } = startWatched({ waitingRelays: 1 });
    provider.fate = down;
    await send('A', 'ada');
    await expect(send('B', 'alan')).rejects.toMatchObject({ lost: ['alan'] });
    await expect(send('C', 'ada')).rejects.toMatchObject({ lost: ['ada'] });
    expect(settledIds).toEqual(['B', 'C']);
    await delivery.close();
    expect(settledIds).toEqual(['B', 'C', 'A']);
  });

  test('not before it is settled for all its recipients', async () => {
    const { settledIds, provider, send, advance } = startWatched();
    provider.fate = () => unavailable(['alan']);
    expect(await send('A', 'ada', 'alan')).toBe('queued');
    expect(settledIds).toEqual([]);
    provider.fate = () => undefined;
    await advance(A_WHILE);
    expect(provider.calls).toEqual(['A ada,alan', 'A alan']);
    expect(settledIds).toEqual(['A']);
  });

  /** A delivery whose client keeps the ids of settled relays. */
  function startWatched(limits: Partial<DeliveryConfig> = {}) {
    const provider = new Provider();
    const settledIds: string[] = [];
    const client = { send: provider.send, settled: ({ id }: Relay) => void settledIds.push(id) };
    return { ...start(limits, client), provider, settledIds };
  }
});

describe('the order for a member', () => {
  test('is kept: later relays wait behind a failed one, disconnects too, and others go on', async () => {
    const { send, delivery, provider, advance } = start();
    provider.fate = (to) => (to.includes('ada') ? unavailable(['ada']) : undefined);
    await send('A', 'ada');
    expect(await send('B', 'ada', 'alan')).toBe('queued');
    expect(await delivery.send({ id: 'C', kind: 'disconnect', recipients: ['ada'] })).toBe('queued');
    expect(await send('D', 'alan')).toBe('sent');
    expect(provider.calls).toEqual(['A ada', 'B alan', 'D alan']);
    provider.fate = () => undefined;
    await advance(A_WHILE);
    expect(provider.calls.slice(3)).toEqual(['A ada', 'B ada', '- ada']);
    expect(await send('E', 'ada')).toBe('sent');
  });

  test('is kept while something before it is still under way', async () => {
    const { send, provider, advance } = start();
    const held = gate();
    provider.gate = held.opened;
    const first = send('A', 'ada');
    provider.gate = undefined;
    provider.fate = down;
    const second = await send('B', 'ada');
    provider.fate = () => undefined;
    expect(second).toBe('queued');
    await advance(A_WHILE);
    expect(provider.calls).toEqual(['A ada', 'B ada']);
    held.open();
    await first;
    await advance(A_WHILE);
    expect(provider.calls).toEqual(['A ada', 'B ada', 'B ada']);
  });

  test('is kept for channels, of which the broadcast channel is one, apart from members of that name', async () => {
    const { delivery, send, provider, advance } = start();
    provider.fate = down;
    await delivery.send({ ...relayTo('A', ['broadcast']), kind: 'broadcast' });
    provider.fate = () => undefined;
    await delivery.send({ ...relayTo('B', ['broadcast']), kind: 'channel' });
    await send('C', 'broadcast');
    expect(provider.calls).toEqual(['A broadcast', 'C broadcast']);
    await advance(A_WHILE);
    expect(provider.calls.slice(2)).toEqual(['A broadcast', 'B broadcast']);
  });
});

describe('a waiting relay', () => {
  test('takes part of a bounded number: without room it is lost at once, to all recipients it would wait for', async () => {
    const { send, provider, delivery, told } = start({ waitingRelays: 3 });
    provider.fate = down;
    await send('A', 'ada', 'alan');
    await expect(send('B', 'grace', 'edsger')).rejects.toMatchObject({
      message: expect.stringMatching(/2 of 3 relays are waiting already, after: no answer/) as string,
      lost: ['grace', 'edsger'],
      retryable: true,
    });
    expect(await send('C', 'ada')).toBe('queued');
    await expect(send('D', 'ada')).rejects.toMatchObject({ lost: ['ada'] });
    expect(delivery.health().waiting).toBe(3);
    expect(told).toEqual(['A waits']);
  });

  test('takes part of bounded bytes, its own once for many recipients', async () => {
    const { delivery, provider } = start({ waitingBytes: 30 });
    provider.fate = down;
    await delivery.send(relayTo('A', ['ada', 'alan', 'grace'], 'x'.repeat(20)));
    expect(delivery.health()).toMatchObject({ waiting: 3, bytes: 23 });
    await expect(delivery.send(relayTo('B', ['edsger'], 'x'.repeat(20)))).rejects.toMatchObject({
      message: expect.stringMatching(/23 of 30 bytes are waiting already/) as string,
    });
  });

  test('is unbounded where that is wanted', async () => {
    const { send, provider, delivery } = start({ waitingRelays: 0, waitingBytes: 0 });
    provider.fate = down;
    const members = Array.from({ length: 20_000 }, (_, index) => `m${index}`);
    expect(await send('A', ...members)).toBe('queued');
    expect(delivery.health().waiting).toBe(20_000);
  });
});

describe('the circuit breaker', () => {
  test('opens after so many failures in a row, and then nothing is attempted', async () => {
    const { send, provider, delivery, log } = start({ breakerFailures: 3 });
    provider.fate = down;
    for (const id of ['A', 'B']) await send(id, id);
    provider.fate = () => undefined;
    await send('C', 'C');
    provider.fate = down;
    for (const id of ['D', 'E']) await send(id, id);
    expect(delivery.health().breaker).toBe('closed');
    await send('F', 'F');
    expect(delivery.health().breaker).toBe('open');
    expect(await send('G', 'G')).toBe('queued');
    expect(provider.calls).not.toContain('G G');
    expect(log).toEqual([expect.stringContaining('"pusher" keeps failing')]);
  });

  test('probes with the oldest waiting relay, alone, and lets all go in order once that has arrived', async () => {
    const { send, provider, delivery, advance, log } = start({ breakerFailures: 1 });
    provider.fate = down;
    for (const id of ['A', 'B', 'C']) await send(id, 'ada');
    await send('D', 'alan');
    expect(provider.calls).toEqual(['A ada']);
    await advance(1_000);
    expect(provider.calls).toEqual(['A ada', 'A ada']);
    expect(delivery.health().breaker).toBe('open');
    provider.fate = () => undefined;
    await advance(A_WHILE);
    expect(delivery.health()).toEqual({ waiting: 0, bytes: 0, breaker: 'closed' });
    expect(provider.calls.slice(2)).toEqual(['A ada', 'B ada', 'C ada', 'D alan']);
    expect(log).toHaveLength(2);
  });

  test('is half-open while it probes', async () => {
    const { send, provider, delivery, advance } = start({ breakerFailures: 1 });
    provider.fate = down;
    await send('A', 'ada');
    const held = gate();
    provider.gate = held.opened;
    provider.fate = () => undefined;
    await advance(2_000);
    expect(delivery.health().breaker).toBe('half-open');
    expect(await send('B', 'alan')).toBe('queued');
    held.open();
    await advance(25);
    expect(provider.calls.slice(2)).toEqual(['B alan']);
  });

  test('closes when the probe is refused: the provider is there', async () => {
    const { send, provider, delivery, advance, told } = start({ breakerFailures: 1 });
    provider.fate = down;
    await send('A', 'ada');
    provider.fate = rejected;
    await advance(2_000);
    expect(delivery.health().breaker).toBe('closed');
    expect(told).toEqual(['A waits', 'A lost to ada']);
  });

  test('counts relays that failed together once', async () => {
    const { send, provider, delivery } = start({ breakerFailures: 2 });
    const cause = new Error('one request');
    provider.fate = (to) => unavailable(to, { cause });
    await Promise.all(['A', 'B', 'C'].map((id) => send(id, id)));
    expect(delivery.health().breaker).toBe('closed');
    provider.fate = down;
    await send('D', 'D');
    expect(delivery.health().breaker).toBe('open');
  });

  test('opens at once when the provider says for how long it wants to be left alone, and not before', async () => {
    const { send, provider, delivery, advance } = start({ breakerFailures: 5 });
    provider.fate = (to) => unavailable(to, { retryAfterMs: 20_000 });
    await send('A', 'ada');
    expect(delivery.health().breaker).toBe('open');
    provider.fate = () => undefined;
    await advance(19_000);
    expect(provider.calls).toHaveLength(1);
    await advance(1_000);
    expect(provider.calls).toHaveLength(2);
  });

  test('keeps no relay beyond its deadline', async () => {
    const { send, provider, advance, told } = start({ breakerFailures: 1, retryDeadlineMs: 500 });
    provider.fate = down;
    await send('A', 'ada');
    await send('B', 'ada');
    await advance(500);
    expect(told).toEqual(['A waits', 'A lost to ada', 'B lost to ada']);
  });
});

describe('closing', () => {
  test('tries waiting relays once more, in order and whatever the breaker says', async () => {
    const { send, provider, delivery, told } = start({ breakerFailures: 1 });
    provider.fate = down;
    await send('A', 'ada');
    await send('B', 'ada');
    provider.fate = () => undefined;
    await delivery.close();
    expect(provider.calls).toEqual(['A ada', 'A ada', 'B ada']);
    expect(told).toEqual(['A waits', 'A arrived', 'B arrived']);
  });

  test('tells which relays are lost', async () => {
    const { send, provider, delivery, told } = start();
    provider.fate = down;
    await send('A', 'ada');
    await delivery.close();
    expect(told).toEqual(['A waits', 'A lost to ada']);
    await expect(send('B', 'ada')).rejects.toMatchObject({ lost: ['ada'] });
  });

  test('ends within its time, whatever the provider does', async () => {
    const { send, provider, delivery, clock, told, losses } = start();
    provider.gate = new Promise(() => undefined);
    void send('A', 'ada');
    provider.gate = undefined;
    provider.fate = down;
    await send('B', 'ada');
    const closed = delivery.close();
    await settled();
    clock.advance(CLOSE_MS);
    await closed;
    expect(told).toEqual(['B waits', 'B lost to ada']);
    expect(losses[0]?.message).toContain('the application is closing');
  });

  test('is at once where nothing is on its way', async () => {
    const { delivery, clock } = start();
    const after = jest.spyOn(clock, 'after');
    await delivery.close();
    await delivery.close();
    expect(after).not.toHaveBeenCalled();
  });
});
