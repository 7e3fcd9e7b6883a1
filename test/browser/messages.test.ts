import { ConnectedSocket, MessageBody, SubscribeMessage, WsException } from '@nestjs/websockets';
import {
  AuthorizeChannel,
  MemberSocket,
  SocketHandlers,
  type SocketModuleOptions,
  SocketService,
} from 'nestjs-switchboard';
import { EventQueue } from '../support/event-queue.js';
import { type Host, startHost } from '../support/hosts.js';
import { subscribed } from '../support/pusher-browser.js';
import { changedConfigOf, connected } from './backends.js';

const heard = new EventQueue<object>();

@AuthorizeChannel('private-orders.{orderId}')
class OrderChannel {
  authorize(): boolean {
    return true;
  }
}

@SocketHandlers()
class OrderHandlers {
  @SubscribeMessage('ORDER_OPENED')
  opened(@MessageBody() body: unknown, @ConnectedSocket() from: MemberSocket): object {
    heard.push({ body, by: from.member.id, on: from.channel ?? null });
    return { eta: 5 };
  }

  @SubscribeMessage('REFUSED')
  refused(): never {
    throw new WsException({ message: 'not yours', orderId: 7 });
  }

  @SubscribeMessage('HANGS')
  hangs(): Promise<never> {
    return new Promise(() => undefined);
  }

  @SubscribeMessage('REPLIED')
  replied(@ConnectedSocket() from: MemberSocket): void {
    from.emit('REPLY', { to: from.member.id });
  }
}

@SocketHandlers({ channel: 'private-orders.{orderId}' })
class ChatHandlers {
  @SubscribeMessage('SHARED')
  shared(@ConnectedSocket() from: MemberSocket): object {
    from.passOn();
    return from.params;
  }
}

@SocketHandlers({ allowAnonymous: true })
class GuestHandlers {
  @SubscribeMessage('GREETED')
  greeted(@ConnectedSocket() from: MemberSocket): object {
    from.emit('WELCOME', { isAnonymous: from.isAnonymous });
    return { isAnonymous: from.isAnonymous };
  }
}

const PROVIDERS = [OrderChannel, OrderHandlers, ChatHandlers, GuestHandlers];

function start(options: SocketModuleOptions = {}): Promise<Host> {
  return startHost({ provider: 'ws', ...options }, { providers: PROVIDERS });
}

const as = (host: Host, member: string) => connected({ url: host.url, headers: { 'x-member': member } });

const CHANNEL = 'private-orders.7';

async function onChannel(host: Host, member: string) {
  const socket = await as(host, member);
  await subscribed(socket.channel(CHANNEL));
  return socket;
}

describe('socket.ask', () => {
  test('resolves with what the handler returned', async () => {
    const ada = await as(await start(), 'ada');
    expect(await ada.ask('ORDER_OPENED', { orderId: 7 })).toEqual({ eta: 5 });
    expect(await heard.next()).toEqual({ body: { orderId: 7 }, by: 'ada', on: null });
  });

  test('on a channel reaches the handler of that channel, with its placeholders', async () => {
    const ada = await onChannel(await start(), 'ada');
    expect(await ada.ask('SHARED', {}, { channel: CHANNEL })).toEqual({ orderId: '7' });
  });

  test.each([
    ['the handler refuses', 'REFUSED', { code: 'REFUSED', message: 'not yours', details: { orderId: 7 } }],
    [
      'no handler knows the name',
      'NO_SUCH',
      { code: 'UNKNOWN_EVENT', message: 'No handler takes "NO_SUCH"' },
    ],
    ['the handler is of channels', 'SHARED', { code: 'NOT_ON_CHANNEL' }],
  ])('rejects when %s', async (_, event, error) => {
    const ada = await as(await start(), 'ada');
    await expect(ada.ask(event)).rejects.toMatchObject({ name: 'MessageError', ...error });
  });

  test('rejects on a channel that the page is not on', async () => {
    const ada = await as(await start(), 'ada');
    await expect(ada.ask('SHARED', {}, { channel: CHANNEL })).rejects.toMatchObject({
      code: 'NOT_ON_CHANNEL',
    });
  });

  test('rejects when no answer comes in its time, and when the handler takes too long for the backend', async () => {
    const ada = await as(await start({ handlers: { timeoutMs: 100 } }), 'ada');
    await expect(ada.ask('HANGS', {}, { timeoutMs: 1 })).rejects.toMatchObject({
      code: 'NO_ANSWER',
      message: '"HANGS" was not answered in 1 ms',
    });
    await expect(ada.ask('HANGS')).rejects.toMatchObject({ code: 'TIMED_OUT' });
  });

  test('rejects when the connection is lost before the answer, and when there is none', async () => {
    const host = await start();
    const ada = await as(host, 'ada');
    const asked = ada.ask('HANGS');
    ada.disconnect();
    await expect(asked).rejects.toMatchObject({ code: 'NOT_CONNECTED' });
    await expect(ada.ask('ORDER_OPENED')).rejects.toMatchObject({
      code: 'NOT_CONNECTED',
      message: '"ORDER_OPENED" was not sent: the connection is disconnected',
    });
  });

  test.each([
    ['an event that is no text', [7 as never], 'The event must be a text that is not empty'],
    ['a time that is none', ['X', {}, { timeoutMs: -1 }], 'timeoutMs: -1 is not allowed'],
  ])('says what is wrong with %s', async (_, args, message) => {
    const ada = await as(await start(), 'ada');
    await expect(ada.ask(...(args as [string]))).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining(message) as string,
    });
  });

  test('of a backend without handlers rejects too', async () => {
    const ada = await as(await startHost({ provider: 'ws' }), 'ada');
    await expect(ada.ask('ORDER_OPENED')).rejects.toMatchObject({ code: 'UNKNOWN_EVENT' });
  });

  test('of a guest is refused, unless the handler allows it', async () => {
    const host = await start();
    const guest = await connected({ url: host.url, guest: true });
    await expect(guest.ask('ORDER_OPENED')).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' });
    const welcomed = new Promise((resolve) => guest.pusher.bind('WELCOME', resolve));
    expect(await guest.ask('GREETED')).toEqual({ isAnonymous: true });
    expect(await welcomed).toEqual({ isAnonymous: true });
  });
});

describe('socket.send', () => {
  test('reaches the handler, on the connection and on a channel', async () => {
    const ada = await onChannel(await start(), 'ada');
    ada.send('ORDER_OPENED', { orderId: 7 });
    expect(await heard.next()).toEqual({ body: { orderId: 7 }, by: 'ada', on: null });
    ada.send('ORDER_OPENED', undefined, { channel: CHANNEL });
    expect(await heard.next()).toEqual({ body: undefined, by: 'ada', on: CHANNEL });
  });

  test('that is refused is an error of the connection', async () => {
    const ada = await as(await start(), 'ada');
    const refused = new Promise((resolve) => ada.pusher.connection.bind('error', resolve));
    ada.send('NO_SUCH');
    expect(await refused).toMatchObject({
      data: { code: 4303, message: 'UNKNOWN_EVENT: No handler takes "NO_SUCH"' },
    });
  });

  test('may be replied to, and only this page of the member hears it', async () => {
    const host = await start();
    const [one, other] = [await as(host, 'ada'), await as(host, 'ada')];
    const replies = new EventQueue<object>();
    one.onMember('REPLY' as never, (payload: object) => {
      replies.push({ one: payload });
    });
    other.onMember('REPLY' as never, (payload: object) => {
      replies.push({ other: payload });
    });
    one.send('REPLIED');
    expect(await replies.next()).toEqual({ one: { to: 'ada' } });
    other.send('REPLIED');
    expect(await replies.next()).toEqual({ other: { to: 'ada' } });
  });
});

describe('A client event', () => {
  test('that a handler takes is not passed on, also where client events are off', async () => {
    const host = await start();
    const [ada, bob] = [await onChannel(host, 'ada'), await onChannel(host, 'bob')];
    const others: unknown[] = [];
    bob.channel(CHANNEL).bind_global((event: string) => others.push(event));
    ada.channel(CHANNEL).trigger('client-ORDER_OPENED', { orderId: 7 });
    expect(await heard.next()).toEqual({ body: { orderId: 7 }, by: 'ada', on: CHANNEL });
    // Whatever had been sent to bob has arrived when his own answer has.
    await bob.ask('GREETED');
    expect(others).toEqual([]);
  });

  test('is passed on when its handler says so, to others and not to its sender', async () => {
    const host = await start();
    const [ada, bob] = [await onChannel(host, 'ada'), await onChannel(host, 'bob')];
    const received = new EventQueue<object>();
    bob.channel(CHANNEL).bind('client-SHARED', (payload: unknown) => {
      received.push({ bob: payload });
    });
    ada.channel(CHANNEL).bind('client-SHARED', (payload: unknown) => {
      received.push({ ada: payload });
    });
    ada.channel(CHANNEL).trigger('client-SHARED', { text: 'hi' });
    expect(await received.next()).toEqual({ bob: { text: 'hi' } });
    await ada.ask('SHARED', 1, { channel: CHANNEL });
    expect(await received.next()).toEqual({ bob: 1 });
  });

  test('that no handler takes goes to the other pages as before', async () => {
    const host = await start({ gateway: { clientEvents: true } });
    const [ada, bob] = [await onChannel(host, 'ada'), await onChannel(host, 'bob')];
    const received = new Promise((resolve) => bob.channel(CHANNEL).bind('client-typing', resolve));
    ada.channel(CHANNEL).trigger('client-typing', { on: true });
    expect(await received).toEqual({ on: true });
  });
});

describe('On a provider that carries no answers, like hosted Pusher,', () => {
  /** The same backend, as a page sees it that is told of another provider. */
  async function hosted(host: Host) {
    const url = await changedConfigOf(host, (config) => ({
      ...config,
      provider: 'pusher',
      carriesAnswers: undefined,
    }));
    const ada = await connected({ url, headers: { 'x-member': 'ada' } });
    await subscribed(ada.channel(CHANNEL));
    return ada;
  }

  test('ask rejects at once, and says so', async () => {
    const ada = await hosted(await start());
    await expect(ada.ask('ORDER_OPENED', {}, { channel: CHANNEL, timeoutMs: 0 })).rejects.toMatchObject({
      code: 'UNSUPPORTED_PROVIDER',
      message: 'The provider "pusher" carries no answers: ask the backend with a request instead',
    });
  });

  test('send is the client event of a channel, and needs one', async () => {
    const ada = await hosted(await start());
    ada.send('ORDER_OPENED', { orderId: 7 }, { channel: CHANNEL });
    expect(await heard.next()).toEqual({ body: { orderId: 7 }, by: 'ada', on: CHANNEL });
    expect(() => {
      ada.send('ORDER_OPENED');
    }).toThrow(
      'The provider "pusher" carries messages on channels only: send("ORDER_OPENED", payload, { channel })',
    );
  });
});

describe('socket.answer', () => {
  test('answers askMember, which resolves with the first answer of any page on any node', async () => {
    const host = await start();
    const pages = await Promise.all([as(host, 'ada'), as(host, 'ada'), as(host, 'bob')]);
    pages[2].answer('STILL_THERE', () => 'not for me');
    pages[1].answer('STILL_THERE', async (payload: object) => Promise.resolve({ yes: payload }));
    for (const app of host.topology.apps) {
      const answer = await app.get(SocketService).askMember('ada', 'STILL_THERE', { since: 5 });
      expect(answer).toEqual({ yes: { since: 5 } });
    }
  });

  test('answers no more once it is taken away; the backend is told why nobody answered', async () => {
    const host = await start();
    const ada = await as(host, 'ada');
    const ask = () => host.app.get(SocketService).askMember('ada', 'STILL_THERE', {}, { timeoutMs: 300 });
    const stop = ada.answer('STILL_THERE', () => {
      throw new Error('busy');
    });
    await expect(ask()).rejects.toMatchObject({
      name: 'SocketNoAnswerError',
      code: 'NO_ANSWER',
      memberId: 'ada',
      isConnected: true,
      message: expect.stringContaining('A browser failed: "busy"') as string,
    });
    stop();
    await expect(ask()).rejects.toThrow('This page has no answer to \\"STILL_THERE\\"');
  });

  test('is waited for on every node; a member who is nowhere is said to be not connected', async () => {
    const host = await start();
    for (const app of host.topology.apps) {
      const asked = app.get(SocketService).askMember('nobody', 'STILL_THERE', {}, { timeoutMs: 60_000 });
      await expect(asked).rejects.toMatchObject({
        isConnected: false,
        message: 'Member "nobody" was asked "STILL_THERE", and is not connected',
      });
    }
  });
});
