import { setImmediate as turn } from 'node:timers/promises';
import { jest } from '@jest/globals';
import {
  type AdapterClient,
  type LostRelay,
  SOCKET_CLIENT,
  type SocketService,
  SocketUsageError,
} from 'nestjs-switchboard';
import type { SocketFake } from 'nestjs-switchboard/testing';
import { logged, rejection, startFake } from '../support/hosts.js';

const say = (service: SocketService, text: string, to = 'ada') =>
  service.relayToMember(to, 'MEMBER_MESSAGED', { from: 'alan', text });

const texts = (fake: SocketFake): unknown[] =>
  fake.relayed.map(({ payload }) => (payload as { text?: string } | undefined)?.text);

/** A promise that the test settles. */
function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return {
    passed,
    open: () => {
      open();
    },
  };
}

describe('a transaction that commits', () => {
  test('sends every kind of call in the order they were made, awaited or not, and not before', async () => {
    const { service, fake } = await startFake();
    await service.afterCommit(async () => {
      await say(service, '1');
      void service.relayToMembers(['ada', 'alan'], 'MEMBER_MESSAGED', { from: 'grace', text: '2' });
      await turn();
      await service.relayToChannel('news', 'ANNOUNCED', { message: '3' });
      void service.broadcast('ANNOUNCED', { message: '4' });
      await service.disconnectMember('ada');
      fake.assertNothingRelayed();
    });
    expect(fake.relayed.map(({ kind, to }) => [kind, to])).toEqual([
      ['member', 'ada'],
      ['member', 'ada'],
      ['member', 'alan'],
      ['channel', 'news'],
      ['broadcast', expect.anything()],
      ['disconnect', 'ada'],
    ]);
  });

  test('resolves with what its work resolves with, and counts what was sent', async () => {
    const { service, fake } = await startFake();
    const result = await service.afterCommit(async () => {
      await say(service, '1');
      expect(service.relays).toMatchObject({ sent: 0, failed: 0 });
      return 'order 7';
    });
    expect(result).toBe('order 7');
    await fake.settled();
    expect(service.relays).toMatchObject({ sent: 1, failed: 0 });
  });

  test('answers each call at once with a receipt that says it is queued, under an id of its own', async () => {
    const { service } = await startFake();
    await service.afterCommit(async () => {
      const receipts = [await say(service, '1'), await say(service, '1')];
      for (const receipt of receipts)
        expect(receipt).toEqual({ id: expect.any(String) as string, status: 'queued' });
      expect(new Set(receipts.map(({ id }) => id)).size).toBe(2);
    });
  });

  test("tells a caller's mistake at once, and sends the rest", async () => {
    const { service, fake } = await startFake();
    await service.afterCommit(async () => {
      expect(await rejection(say(service, '1', ''))).toBeInstanceOf(SocketUsageError);
      await say(service, '2');
    });
    expect(texts(fake)).toEqual(['2']);
  });

  test('sends what the payload and the list of members were when the call was made', async () => {
    const { service, fake } = await startFake();
    const payload = { from: 'alan', text: 'before' };
    const members = ['ada'];
    await service.afterCommit(async () => {
      await service.relayToMembers(members, 'MEMBER_MESSAGED', payload);
      payload.text = 'after';
      members.push('grace');
    });
    expect(fake.relayed).toEqual([
      { kind: 'member', to: 'ada', event: 'MEMBER_MESSAGED', payload: { from: 'alan', text: 'before' } },
    ]);
  });

  test.each(['report', 'throw'] as const)(
    'is not failed by a relay that is lost, which is logged and told, with failure %s',
    async (failure) => {
      const errors = logged('error');
      const lost: LostRelay[] = [];
      const { service, fake } = await startFake({ failure, onRelayError: (relay) => lost.push(relay) });
      fake.faults.failNext();
      const receipt = await service.afterCommit(async () => {
        const first = await say(service, '1');
        await say(service, '2');
        return first;
      });
      await fake.settled();
      expect(lost).toMatchObject([{ id: receipt.id, event: 'MEMBER_MESSAGED', error: { lost: ['ada'] } }]);
      expect(errors.lines).toEqual([expect.stringContaining(`${receipt.id} (MEMBER_MESSAGED) was lost`)]);
      expect(texts(fake)).toEqual(['2']);
      expect(service.relays).toMatchObject({ sent: 1, failed: 1 });
    },
  );

  test('is not waiting for the provider', async () => {
    const { app, service } = await startFake();
    const answer = gate();
    jest.spyOn(app.get<AdapterClient>(SOCKET_CLIENT), 'send').mockReturnValue(answer.passed);
    await service.afterCommit(() => say(service, '1'));
    expect(service.relays.sent).toBe(0);
    answer.open();
    await turn();
    expect(service.relays.sent).toBe(1);
  });

  test('survives an adapter that breaks its promises, and logs it', async () => {
    const errors = logged('error');
    const { app, service } = await startFake();
    const client = app.get<AdapterClient>(SOCKET_CLIENT);
    jest.spyOn(client, 'send').mockRejectedValue(new TypeError('a bug'));
    await service.afterCommit(() => say(service, '1'));
    await turn();
    expect(errors.lines).toEqual([expect.stringContaining('failed after the commit: TypeError: a bug')]);
  });
});

describe('a transaction that rolls back', () => {
  test.each([
    ['rejects in the middle', async () => Promise.reject(new Error('deadlock detected'))],
    [
      'throws at once',
      () => {
        throw new Error('deadlock detected');
      },
    ],
  ])('because its work %s sends nothing, and passes the error on', async (_, fail) => {
    const { service, fake } = await startFake();
    let receipt;
    const work = service.afterCommit(async () => {
      receipt = await say(service, '1');
      await fail();
      await say(service, '2');
    });
    await expect(work).rejects.toThrow('deadlock detected');
    await fake.settled();
    expect(receipt).toMatchObject({ status: 'queued' });
    fake.assertNothingRelayed();
    expect(service.relays).toMatchObject({ sent: 0, failed: 0 });
  });

  test('passes on what a work throws that is no async function', async () => {
    const { service } = await startFake();
    const call = service.afterCommit(() => {
      throw new Error('no connection');
    });
    await expect(call).rejects.toThrow('no connection');
  });

  test('leaves what is relayed outside of it alone, and what is relayed in answer to it', async () => {
    const { service, fake } = await startFake();
    const begun = gate();
    const end = gate();
    const work = service.afterCommit(async () => {
      await say(service, 'inside');
      begun.open();
      await end.passed;
      throw new Error('rolled back');
    });
    await begun.passed;
    expect(await say(service, 'beside')).toMatchObject({ status: 'sent' });
    end.open();
    await work.catch(() => say(service, 'sorry'));
    expect(texts(fake)).toEqual(['beside', 'sorry']);
  });
});

test('transactions at the same time do not mix, each in its order', async () => {
  const { service, fake } = await startFake();
  const [first, second, third] = [gate(), gate(), gate()];
  const transaction = (name: string, end: Promise<void>) =>
    service.afterCommit(async () => {
      await say(service, `${name}1`);
      await turn();
      await say(service, `${name}2`);
      await end;
      if (name === 'b') throw new Error('rolled back');
    });
  const [a, b, c] = [
    transaction('a', first.passed),
    transaction('b', second.passed),
    transaction('c', third.passed),
  ];
  third.open();
  await c;
  expect(texts(fake)).toEqual(['c1', 'c2']);
  second.open();
  await expect(b).rejects.toThrow('rolled back');
  first.open();
  await a;
  expect(texts(fake)).toEqual(['c1', 'c2', 'a1', 'a2']);
});

test('a transaction of one application holds nothing of another back', async () => {
  const [here, there] = [await startFake(), await startFake()];
  await here.service.afterCommit(async () => {
    expect(await say(there.service, '1')).toMatchObject({ status: 'sent' });
    expect(await say(here.service, '2')).toMatchObject({ status: 'queued' });
  });
  expect([texts(there.fake), texts(here.fake)]).toEqual([['1'], ['2']]);
});

describe('a transaction within a transaction', () => {
  test('waits for the outer one, in one order with it', async () => {
    const { service, fake } = await startFake();
    await service.afterCommit(async () => {
      await say(service, '1');
      await service.afterCommit(() => say(service, '2'));
      await say(service, '3');
      fake.assertNothingRelayed();
    });
    expect(texts(fake)).toEqual(['1', '2', '3']);
  });

  test('that rolls back drops what is its own and what is within it, and nothing else', async () => {
    const { service, fake } = await startFake();
    await service.afterCommit(async () => {
      await say(service, '1');
      const savepoint = service.afterCommit(async () => {
        await say(service, 'dropped');
        await service.afterCommit(() => say(service, 'dropped with it'));
        throw new Error('rolled back to the savepoint');
      });
      await expect(savepoint).rejects.toThrow('rolled back to the savepoint');
      await say(service, '2');
    });
    expect(texts(fake)).toEqual(['1', '2']);
  });

  test('is dropped with the outer one although it has committed', async () => {
    const { service, fake } = await startFake();
    const work = service.afterCommit(async () => {
      await service.afterCommit(() => say(service, '1'));
      throw new Error('rolled back');
    });
    await expect(work).rejects.toThrow('rolled back');
    await fake.settled();
    fake.assertNothingRelayed();
  });

  test.each([
    ['commits', 'commits', ['outer', 'inner']],
    ['commits', 'rolls back', ['outer']],
    ['rolls back', 'commits', []],
  ])(
    'that nobody awaits still has its own end: the outer one %s, it %s',
    async (outerEnd, innerEnd, expected) => {
      const { service, fake } = await startFake();
      const end = gate();
      const finish = (how: string) => {
        if (how === 'rolls back') throw new Error(how);
      };
      let inner: Promise<unknown> = Promise.resolve();
      const outer = service.afterCommit(async () => {
        await say(service, 'outer');
        inner = service.afterCommit(async () => {
          await say(service, 'inner');
          await end.passed;
          finish(innerEnd);
        });
        finish(outerEnd);
      });
      await Promise.allSettled([outer]);
      expect(texts(fake)).toEqual(expected.slice(0, 1));
      end.open();
      await Promise.allSettled([inner]);
      expect(texts(fake)).toEqual(expected);
    },
  );
});

describe('work that outlives its transaction', () => {
  /** Begins something in a transaction, ends that, and lets it go on. */
  async function outlive(service: SocketService, go: () => Promise<unknown>, error?: Error) {
    const end = gate();
    let stray: Promise<unknown> = Promise.resolve();
    const work = service.afterCommit(async () => {
      await say(service, 'inside');
      stray = end.passed.then(go);
      if (error !== undefined) throw error;
    });
    await Promise.allSettled([work]);
    end.open();
    return stray;
  }

  test('relays at once after a commit', async () => {
    const { service, fake } = await startFake();
    expect(await outlive(service, () => say(service, 'stray'))).toMatchObject({ status: 'sent' });
    expect(texts(fake)).toEqual(['inside', 'stray']);
  });

  test('relays nothing after a rollback, which its receipt and the log say', async () => {
    const warnings = logged('warn');
    const { service, fake } = await startFake();
    const receipt = await outlive(service, () => say(service, 'stray'), new Error('rolled back'));
    expect(receipt).toEqual({ id: expect.any(String) as string, status: 'dropped' });
    expect(warnings.lines).toEqual([
      `Relay ${(receipt as { id: string }).id} (MEMBER_MESSAGED) was not sent: it was made after its transaction had been rolled back`,
    ]);
    fake.assertNothingRelayed();
  });

  test('can begin a transaction of its own, which does not share the fate of the first', async () => {
    const { service, fake } = await startFake();
    const own = () => service.afterCommit(() => say(service, 'own'));
    await outlive(service, own, new Error('rolled back'));
    expect(texts(fake)).toEqual(['own']);
  });
});

test('a rollback is logged at debug level, once, with how many relays it dropped', async () => {
  const debug = logged('debug');
  const { service } = await startFake();
  const roll = (count: number) =>
    service.afterCommit(async () => {
      for (let relay = 0; relay < count; relay++) await say(service, '1');
      throw new Error('rolled back');
    });
  await Promise.allSettled([roll(0)]);
  expect(debug.lines).toEqual([]);
  await Promise.allSettled([roll(3)]);
  expect(debug.lines).toEqual(['A transaction was rolled back, and 3 relay(s) with it']);
});
