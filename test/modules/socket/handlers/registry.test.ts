import { ConnectedSocket, SubscribeMessage } from '@nestjs/websockets';
import { AuthorizeChannel, MemberSocket, SocketHandlers } from 'nestjs-switchboard';
import { startFake } from '../../../support/hosts.js';

@AuthorizeChannel('private-orders.{orderId}')
class OrderChannel {
  authorize(): boolean {
    return true;
  }
}

@AuthorizeChannel('presence-room')
class RoomChannel {
  authorize(): boolean {
    return true;
  }
}

@SocketHandlers({ channel: 'private-orders.{orderId}' })
class AnyOrder {
  @SubscribeMessage('PLACED')
  placed(@ConnectedSocket() from: MemberSocket): object {
    return { by: 'any order', params: from.params, channel: from.channel };
  }
}

@SocketHandlers({ channel: 'private-orders.7' })
class OrderSeven {
  @SubscribeMessage('PLACED')
  placed(): object {
    return { by: 'order 7' };
  }
}

@SocketHandlers()
class Anywhere {
  @SubscribeMessage('PLACED')
  placed(): object {
    return { by: 'anywhere' };
  }
}

@SocketHandlers({ allowAnonymous: true })
class Guests {
  @SubscribeMessage('LOOKED')
  looked(@ConnectedSocket() from: MemberSocket): object {
    return { isAnonymous: from.isAnonymous, id: from.member.id };
  }
}

describe('A message', () => {
  test('goes to the handler of the most specific channel, and else to the one of any', async () => {
    const { fake } = await startFake({}, { providers: [OrderChannel, Anywhere, AnyOrder, OrderSeven] });
    const ada = await fake.connect('ada');
    for (const id of ['7', '8']) await ada.subscribe(`private-orders.${id}`);
    expect(await ada.ask('PLACED')).toEqual({ by: 'anywhere' });
    expect(await ada.ask('PLACED', {}, { channel: 'private-orders.7' })).toEqual({ by: 'order 7' });
    expect(await ada.ask('PLACED', {}, { channel: 'private-orders.8' })).toEqual({
      by: 'any order',
      params: { orderId: '8' },
      channel: 'private-orders.8',
    });
    expect(await ada.ask('PLACED', {}, { channel: 'broadcast' })).toEqual({ by: 'anywhere' });
  });

  test('of a sender who is not on the channel, or not any more, is refused', async () => {
    const { fake } = await startFake({}, { providers: [OrderChannel, AnyOrder] });
    const ada = await fake.connect('ada');
    const onEight = { channel: 'private-orders.8' };
    await expect(ada.ask('PLACED', {}, onEight)).rejects.toMatchObject({ code: 'NOT_ON_CHANNEL' });
    await ada.subscribe('private-orders.8');
    expect(await ada.ask('PLACED', {}, onEight)).toMatchObject({ by: 'any order' });
    ada.unsubscribe('private-orders.8');
    await expect(ada.ask('PLACED', {}, onEight)).rejects.toMatchObject({ code: 'NOT_ON_CHANNEL' });
    await expect(ada.ask('PLACED')).rejects.toThrow(
      '"PLACED" is taken on the channels "private-orders.{orderId}" only (NOT_ON_CHANNEL)',
    );
  });

  test('sent as a client event is handled, and sent on to nobody', async () => {
    const { fake } = await startFake({}, { providers: [OrderChannel, AnyOrder] });
    const [ada, bob] = [await fake.connect('ada'), await fake.connect('bob')];
    for (const member of [ada, bob]) await member.subscribe('private-orders.8');
    ada.trigger('private-orders.8', 'client-PLACED', {});
    await fake.settled();
    expect(bob.received).toEqual([]);
    expect(() => {
      ada.trigger('private-orders.8', 'client-OTHER', {});
    }).toThrow('client events are not enabled');
  });

  test('of a member is one of the member who is signed in, also where anonymous ones are allowed', async () => {
    const { fake } = await startFake({}, { providers: [RoomChannel, Guests] });
    expect(await (await fake.connect('ada')).ask('LOOKED')).toEqual({ isAnonymous: false, id: 'ada' });
  });
});

describe('The start fails', () => {
  const names = (...events: string[]) => {
    class Named {
      unmarked(): void {
        // No handler.
      }
    }
    events.forEach((event, index) => {
      const name = `handler${index}`;
      const value = () => undefined;
      Object.defineProperty(Named.prototype, name, { value, configurable: true, writable: true });
      const descriptor = Object.getOwnPropertyDescriptor(Named.prototype, name) ?? {};
      SubscribeMessage(event)(Named.prototype, name, descriptor);
    });
    SocketHandlers()(Named);
    return Named;
  };

  @SocketHandlers()
  class Elsewhere {
    @SubscribeMessage('PLACED')
    placed(): void {
      // The same message as that of Anywhere.
    }
  }

  test.each([
    [
      'without a handler',
      [names()],
      'Named in HostModule: a class with @SocketHandlers must have a method with @Sub',
    ],
    ['with an empty name', [names('')], '@SubscribeMessage("") of Named.handler0 in HostModule: it is empty'],
    [
      'with the prefix of client events',
      [names('client-X')],
      'leave out "client-": the client event client-X reaches',
    ],
    ['with a name of the protocol', [names('pusher:ping')], 'names that begin with "pusher:" are reserved'],
    [
      'with two handlers of the same messages',
      [Anywhere, Elsewhere],
      '@SubscribeMessage("PLACED") of Elsewhere.placed in HostModule: another handler takes the same messages: ' +
        'Anywhere.placed in HostModule',
    ],
    [
      'made by a factory that returns nothing',
      [{ provide: Anywhere, useFactory: () => undefined }],
      'Anywhere: a class with @SocketHandlers must be a provider with an instance',
    ],
  ])('%s', async (_, providers, message) => {
    await expect(startFake({}, { providers })).rejects.toThrow(message);
  });
});

test('A test may put something in the place of a class with handlers', async () => {
  const module = { provide: Anywhere, useValue: { placed: () => ({ by: 'a stub' }) } };
  const { fake } = await startFake({}, { providers: [module] });
  expect(await (await fake.connect('ada')).ask('PLACED')).toEqual({ by: 'a stub' });
});

test.each([
  [{ channel: 'orders' }, 'it must begin with "private-" or "presence-"'],
  [{ channel: 7 }, '@SocketHandlers(options): channel must be a text; it is 7'],
  [{ inOrder: 'no' }, '@SocketHandlers(options): inOrder must be true or false; it is a string'],
  [{ anonymous: true }, '@SocketHandlers(options): options must have no "anonymous"'],
  [7, '@SocketHandlers(options): options must be an object; it is a number'],
])('@SocketHandlers(%j) says what is wrong', (options, message) => {
  expect(() => SocketHandlers(options as object)).toThrow(message);
});
