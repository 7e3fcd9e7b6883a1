import { Ack, ConnectedSocket, MessageBody, SubscribeMessage, WsException } from '@nestjs/websockets';
import { MemberSocket, SocketHandlers, SocketNoAnswerError, SocketService } from 'nestjs-switchboard';
import { connect } from 'nestjs-switchboard/browser';
import { io } from 'socket.io-client';
import { type SocketIoBrowser, TRANSPORTS } from '../../support/socket-io-browser.js';
import { onTeardown } from '../../support/teardown.js';
import { Orders, pageOf, protocolEvent, Rooms, startHost } from './support.js';

/** The messages that handlers without an answer were called with. */
const heard: unknown[] = [];
/** Ends the handlers that wait. */
const ends: (() => void)[] = [];

beforeEach(() => {
  heard.splice(0);
  ends.splice(0);
});

@SocketHandlers()
class OrderHandlers {
  @SubscribeMessage('ORDER_OPENED')
  opened(@MessageBody('id') id: string, @ConnectedSocket() from: MemberSocket): object {
    if (!id.startsWith(from.member.id)) throw new WsException('This is not your order');
    return { etaMinutes: 5, by: from.member.id };
  }

  @SubscribeMessage('ACKED')
  acked(@MessageBody() body: unknown, @Ack() answer: (value: unknown) => void): void {
    answer([body]);
  }

  @SubscribeMessage('NOTED')
  noted(@MessageBody() body: unknown): void {
    heard.push(body);
  }

  @SubscribeMessage('HELD')
  held(): Promise<string> {
    return new Promise((resolve) => {
      ends.push(() => {
        resolve('at last');
      });
    });
  }

  @SubscribeMessage('CIRCULAR')
  circular(): object {
    const self: Record<string, unknown> = {};
    return (self['self'] = self);
  }
}

@SocketHandlers({ channel: 'presence-room' })
class RoomHandlers {
  @SubscribeMessage('SAID')
  said(@MessageBody() body: { text: string }, @ConnectedSocket() from: MemberSocket): number {
    from.passOn();
    return body.text.length;
  }
}

const host = (options: Parameters<typeof startHost>[0] = {}) =>
  startHost({ providers: [Rooms, Orders, OrderHandlers, RoomHandlers], ...options });
const ask = ({ socket }: SocketIoBrowser, ...values: [string, ...unknown[]]): Promise<unknown> =>
  socket.timeout(5_000).emitWithAck(...values);

describe.each(Object.entries(TRANSPORTS))('A message of a Socket.IO page over %s', (_, transports) => {
  test('is answered with what its handler returned, or why it did not', async () => {
    const { url } = await host();
    const ada = await pageOf(url, 'ada', { transports: [...transports] });
    expect(await ask(ada, 'ORDER_OPENED', { id: 'ada-7' })).toEqual({ etaMinutes: 5, by: 'ada' });
    expect(await ask(ada, 'ACKED', 'x')).toEqual(['x']);
    expect(await ask(ada, 'NOTED')).toBeNull();
    expect(await ask(ada, 'ORDER_OPENED', { id: 'alan-7' })).toEqual({
      ok: false,
      code: 'REFUSED',
      message: 'This is not your order',
    });
    expect(await ask(ada, 'NONSENSE', 1)).toMatchObject({ ok: false, code: 'UNKNOWN_EVENT' });
    expect(await ask(ada, 'CIRCULAR')).toMatchObject({ ok: false, code: 'FAILED' });
  });
});

describe('A message of a Socket.IO page', () => {
  test('that wants no answer gets none, and hears of its refusal as an error', async () => {
    const { url } = await host();
    const ada = await pageOf(url, 'ada');
    ada.socket.emit('NOTED', { n: 1 });
    ada.socket.emit('ORDER_OPENED', { id: 'alan-7' });
    expect((await protocolEvent(ada, 'error')).payload).toEqual({
      code: 4303,
      message: 'REFUSED: This is not your order',
    });
    expect(heard).toEqual([{ n: 1 }]);
  });

  test('may be bound to a channel, whose subscribers alone may send it, and passed on to them', async () => {
    const { url } = await host();
    const [ada, alan] = [await pageOf(url, 'ada'), await pageOf(url, 'alan')];
    expect(await ask(ada, 'SAID', { text: 'hi' }, 'presence-room')).toMatchObject({ code: 'NOT_ON_CHANNEL' });
    expect(await ask(ada, 'SAID', { text: 'hi' })).toMatchObject({ code: 'NOT_ON_CHANNEL' });
    for (const page of [ada, alan]) await page.subscribe('presence-room');
    expect(await ask(ada, 'SAID', { text: 'hi' }, 'presence-room')).toBe(2);
    expect(await alan.nextWhole()).toEqual({
      event: 'client-SAID',
      payload: { text: 'hi' },
      channel: 'presence-room',
      userId: 'ada',
    });
    expect(await ask(ada, 'SAID', { text: 'hi' }, 7)).toMatchObject({ ok: false, code: null });
  });

  test('keeps those of others, and its own page’s subscriptions, waiting for nothing', async () => {
    const { url } = await host();
    const ada = await pageOf(url, 'ada');
    const held = ask(ada, 'HELD');
    await ada.subscribe('presence-room');
    ends[0]?.();
    expect(await held).toBe('at last');
  });

  test.each([
    ['too large', { messageBytes: 30 }, 'TOO_LARGE'],
    ['one too many in a second', { messagesPerSecond: 1 }, 'TOO_MANY'],
  ] as const)('that is %s is refused', async (__, limits, code) => {
    const { url } = await host({ handlers: { limits } });
    const ada = await pageOf(url, 'ada');
    const codes = await Promise.all([1, 2].map(() => ask(ada, 'ACKED', 'x'.repeat(30))));
    expect(codes).toContainEqual(expect.objectContaining({ ok: false, code }));
  });
});

describe('With the browser helper, a Socket.IO page', () => {
  async function helper() {
    const started = await host();
    const controller = new AbortController();
    onTeardown(() => {
      controller.abort();
    });
    const socket = await connect(io, {
      url: started.url,
      headers: { 'x-member': 'ada' },
      signal: controller.signal,
    });
    onTeardown(() => {
      socket.disconnect();
    });
    return { socket, service: started.app.get(SocketService) };
  }

  test('asks, sends, and hears the error of a handler', async () => {
    const { socket } = await helper();
    socket.send('NOTED', { n: 2 });
    expect(await socket.ask('ORDER_OPENED', { id: 'ada-7' })).toEqual({ etaMinutes: 5, by: 'ada' });
    expect(heard).toEqual([{ n: 2 }]);
    await expect(socket.ask('ORDER_OPENED', { id: 'alan-7' })).rejects.toMatchObject({ code: 'REFUSED' });
  });

  test('answers what the application asks its member', async () => {
    const { socket, service } = await helper();
    const stop = socket.answer('STILL_THERE', ({ minutes }: { minutes: number }) => minutes < 6);
    expect(await service.askMember('ada', 'STILL_THERE', { minutes: 5 })).toBe(true);
    stop();
    await expect(service.askMember('ada', 'STILL_THERE', { minutes: 5 })).rejects.toThrow(
      SocketNoAnswerError,
    );
  });
});

test('A plain Socket.IO page answers what the application asks its member', async () => {
  const { url, app } = await host();
  const ada = await pageOf(url, 'ada');
  ada.socket.on('switchboard:ask', ({ id, event }: { id: string; event: string }) => {
    ada.socket.emit('switchboard:answer', { id, payload: `yes to ${event}` });
  });
  expect(await app.get(SocketService).askMember('ada', 'STILL_THERE', {})).toBe('yes to STILL_THERE');
});
