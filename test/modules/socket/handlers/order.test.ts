import { ConnectedSocket, MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { MemberSocket, SocketHandlers, type SocketModuleOptions } from 'nestjs-switchboard';
import { logged, startFake } from '../../../support/hosts.js';

/** The calls of handlers and their ends, in order. */
const seen: string[] = [];
const ends = new Map<string, () => void>();
const signals: AbortSignal[] = [];

beforeEach(() => {
  seen.splice(0);
  signals.splice(0);
  ends.clear();
});

function held(name: string): Promise<string> {
  seen.push(name);
  return new Promise((resolve) => {
    ends.set(name, () => {
      seen.push(`${name} ended`);
      resolve(name);
    });
  });
}

@SocketHandlers()
class OrderedHandlers {
  @SubscribeMessage('IN_ORDER')
  inOrder(@MessageBody() name: string, @ConnectedSocket() from: MemberSocket): Promise<string> {
    signals.push(from.signal);
    return held(name);
  }

  @SubscribeMessage('THROWS')
  throws(): never {
    throw new Error('a bug');
  }
}

@SocketHandlers({ inOrder: false })
class FreeHandlers {
  @SubscribeMessage('FREE')
  free(@MessageBody() name: string): Promise<string> {
    return held(name);
  }
}

async function start(handlers: SocketModuleOptions['handlers'] = {}) {
  const { fake } = await startFake({ handlers }, { providers: [OrderedHandlers, FreeHandlers] });
  return fake;
}

test('The messages of one connection are handled one after the other, and those of others beside them', async () => {
  const fake = await start();
  const [ada, bob] = [await fake.connect('ada'), await fake.connect('bob')];
  const answers = Promise.all([
    ada.ask('IN_ORDER', 'a1'),
    ada.ask('IN_ORDER', 'a2'),
    bob.ask('IN_ORDER', 'b1'),
  ]);
  await fake.settled();
  expect(seen).toEqual(['a1', 'b1']);
  ends.get('b1')?.();
  ends.get('a1')?.();
  await fake.settled();
  ends.get('a2')?.();
  expect(await answers).toEqual(['a1', 'a2', 'b1']);
  expect(seen).toEqual(['a1', 'b1', 'b1 ended', 'a1 ended', 'a2', 'a2 ended']);
});

test('A handler that is not in order waits for none, and none waits for it', async () => {
  const fake = await start();
  const ada = await fake.connect('ada');
  const answers = Promise.all([
    ada.ask('FREE', 'f1'),
    ada.ask('IN_ORDER', 'o1'),
    ada.ask('FREE', 'f2'),
    ada.ask('IN_ORDER', 'o2'),
  ]);
  await fake.settled();
  expect(seen).toEqual(['f1', 'o1', 'f2']);
  ends.get('o1')?.();
  await fake.settled();
  for (const name of ['o2', 'f2', 'f1']) ends.get(name)?.();
  expect(await answers).toEqual(['f1', 'o1', 'f2', 'o2']);
});

test('A handler that throws harms nobody: the next message of its connection is handled', async () => {
  const errors = logged('error');
  const fake = await start();
  const ada = await fake.connect('ada');
  const failed = ada.ask('THROWS');
  const next = ada.ask('IN_ORDER', 'next');
  await expect(failed).rejects.toMatchObject({ code: 'FAILED' });
  ends.get('next')?.();
  expect(await next).toBe('next');
  expect(errors.lines).toEqual([
    expect.stringMatching(
      /^Message [0-9a-f-]{36} \(THROWS\) failed in OrderedHandlers\.throws in HostModule: a bug$/,
    ),
  ]);
});

describe('A handler that hangs', () => {
  test('is given up after its time: its sender is told, its signal is aborted, and the next message is handled', async () => {
    const warnings = logged('warn');
    const fake = await start({ timeoutMs: 1_000 });
    const ada = await fake.connect('ada');
    const hangs = ada.ask('IN_ORDER', 'hangs');
    const next = ada.ask('IN_ORDER', 'next');
    await fake.settled();
    fake.advance(999);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    fake.advance(2);
    await expect(hangs).rejects.toMatchObject({ code: 'TIMED_OUT' });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    ends.get('next')?.();
    expect(await next).toBe('next');
    expect(warnings.lines).toEqual([
      expect.stringMatching(
        /^Message \S+ \(IN_ORDER\) was not handled in time by OrderedHandlers\.inOrder in HostModule/,
      ),
    ]);
  });

  test('counts as running until it ends, so that nobody can pile up more than the limit', async () => {
    logged('warn');
    const fake = await start({ timeoutMs: 1_000, limits: { running: 2 } });
    const ada = await fake.connect('ada');
    for (const name of ['one', 'two']) {
      const hangs = ada.ask('IN_ORDER', name);
      await fake.settled();
      fake.advance(1_001);
      await expect(hangs).rejects.toMatchObject({ code: 'TIMED_OUT' });
    }
    await expect(ada.ask('IN_ORDER', 'three')).rejects.toMatchObject({ code: 'TOO_MANY_RUNNING' });
    ends.get('one')?.();
    await fake.settled();
    const free = ada.ask('IN_ORDER', 'four');
    await fake.settled();
    ends.get('four')?.();
    expect(await free).toBe('four');
  });

  test('is waited for where the time is switched off', async () => {
    const fake = await start({ timeoutMs: 0 });
    const ada = await fake.connect('ada');
    const slow = ada.ask('IN_ORDER', 'slow');
    await fake.settled();
    for (let minute = 0; minute < 10; minute++) fake.advance(60_000);
    ends.get('slow')?.();
    expect(await slow).toBe('slow');
  });
});
