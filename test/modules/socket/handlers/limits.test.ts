import { ConnectedSocket, MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { MemberSocket, SocketHandlers, type SocketModuleOptions } from 'nestjs-switchboard';
import type { FakeMessageError } from 'nestjs-switchboard/testing';
import { startFake } from '../../../support/hosts.js';

/** The messages that a handler was called with. */
const handled: unknown[] = [];
/** Ends the handlers that wait, in the order of their calls. */
const ends: (() => void)[] = [];

beforeEach(() => {
  handled.splice(0);
  ends.splice(0);
});

@SocketHandlers()
class CountingHandlers {
  @SubscribeMessage('COUNTED')
  counted(@MessageBody() body: unknown, @ConnectedSocket() from: MemberSocket): void {
    handled.push([from.member.id, body]);
  }

  @SubscribeMessage('HELD')
  held(@MessageBody() body: unknown): Promise<void> {
    handled.push(body);
    return new Promise((resolve) => ends.push(resolve));
  }
}

async function start(handlers: SocketModuleOptions['handlers'] = {}) {
  const { fake } = await startFake({ handlers }, { providers: [CountingHandlers] });
  return fake;
}

type Fake = Awaited<ReturnType<typeof start>>;
type Member = Awaited<ReturnType<Fake['connect']>>;

/** The codes of so many messages: `ok`, or the error's. */
function codesOf(member: Member, count: number, event = 'COUNTED', payload: unknown = 1): Promise<string[]> {
  const sent = Array.from({ length: count }, () => member.send(event, payload));
  return Promise.all(
    sent.map((one) =>
      one.then(
        () => 'ok',
        (error: unknown) => (error as FakeMessageError).code,
      ),
    ),
  );
}

describe('Before any handler runs, a message is refused', () => {
  test('that is too large', async () => {
    const ada = await (await start({ limits: { messageBytes: 10 } })).connect('ada');
    expect(await codesOf(ada, 1, 'COUNTED', '12345678')).toEqual(['ok']);
    await expect(ada.send('COUNTED', '123456789')).rejects.toThrow(
      '"ada" could not send "COUNTED": The message has 11 bytes, 10 are allowed (TOO_LARGE)',
    );
    expect(handled).toHaveLength(1);
  });

  test('that is one too many in a second, of the connection', async () => {
    const fake = await start({ limits: { messagesPerSecond: 2 } });
    const [one, other] = [await fake.connect('ada'), await fake.connect('ada')];
    expect(await codesOf(one, 3)).toEqual(['ok', 'ok', 'TOO_MANY']);
    expect(await codesOf(other, 1)).toEqual(['ok']);
    fake.advance(1_000);
    expect(await codesOf(one, 1)).toEqual(['ok']);
  });

  test('that is one too many in a second, of the member on all connections', async () => {
    const fake = await start({ limits: { messagesPerMember: 3 } });
    const [one, other, bob] = [
      await fake.connect('ada'),
      await fake.connect('ada'),
      await fake.connect('bob'),
    ];
    expect(await codesOf(one, 2)).toEqual(['ok', 'ok']);
    expect(await codesOf(other, 2)).toEqual(['ok', 'TOO_MANY']);
    expect(await codesOf(bob, 1)).toEqual(['ok']);
    fake.advance(1_000);
    expect(await codesOf(other, 1)).toEqual(['ok']);
  });

  test('that would be one too many running, of the connection', async () => {
    const fake = await start({ limits: { running: 2 } });
    const [ada, bob] = [await fake.connect('ada'), await fake.connect('bob')];
    const held = codesOf(ada, 3, 'HELD');
    await fake.settled();
    expect(handled).toHaveLength(1);
    expect(await codesOf(bob, 1)).toEqual(['ok']);
    ends.shift()?.();
    await fake.settled();
    ends.shift()?.();
    expect(await held).toEqual(['ok', 'ok', 'TOO_MANY_RUNNING']);
    expect(await codesOf(ada, 1)).toEqual(['ok']);
  });

  test('whose name no handler knows; it can be left without an answer', async () => {
    const ada = await (await start()).connect('ada');
    await expect(ada.ask('NO_SUCH')).rejects.toMatchObject({ code: 'UNKNOWN_EVENT' });
    const bob = await (await start({ unknownMessages: 'ignore' })).connect('bob');
    expect(await bob.ask('NO_SUCH')).toBeUndefined();
  });

  test('unless its limit is switched off with 0', async () => {
    const off = { messageBytes: 0, messagesPerSecond: 0, messagesPerMember: 0, running: 0 };
    const fake = await start({ limits: off });
    const ada = await fake.connect('ada');
    expect(new Set(await codesOf(ada, 500, 'COUNTED', 'x'.repeat(100_000)))).toEqual(new Set(['ok']));
    const held = codesOf(ada, 200, 'HELD');
    for (let index = 0; index < 200; index++) {
      await fake.settled();
      ends.shift()?.();
    }
    expect(new Set(await held)).toEqual(new Set(['ok']));
  });

  test.each([
    [{ limits: { messageBytes: -1 } }, 'handlers.limits.messageBytes: must be a whole number from 0'],
    [{ timeoutMs: 1.5 }, 'handlers.timeoutMs: must be a whole number from 0 to 3600000; it is 1.5'],
    [{ unknownMessages: 'drop' }, 'handlers.unknownMessages: must be one of: refuse, ignore; it is "drop"'],
  ])('and the settings %j are refused at the start', async (handlers, message) => {
    await expect(start(handlers as object)).rejects.toThrow(message);
  });
});
