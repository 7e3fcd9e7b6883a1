import { Injectable, Module, NotFoundException, Scope } from '@nestjs/common';
import {
  AuthorizeChannel,
  type ChannelAuthorizer,
  type Identity,
  SocketModule,
  type SocketModuleOptions,
} from 'nestjs-switchboard';
import { SocketTestingModule } from 'nestjs-switchboard/testing';
import { ADA, form, SOCKET_ID } from '../../../support/auth-requests.js';
import {
  type HostParts,
  identify,
  logged,
  startFake,
  startFakeOf,
  startHost,
} from '../../../support/hosts.js';

@Injectable()
class OrdersRepository {
  async ownerOf(orderId: string): Promise<string | undefined> {
    return orderId === '7' ? 'ada' : undefined;
  }
}

@AuthorizeChannel('private-orders.{orderId}')
class OrderChannel implements ChannelAuthorizer<{ orderId: string }> {
  constructor(private readonly orders: OrdersRepository) {}

  async authorize(member: Identity, { orderId }: { orderId: string }): Promise<boolean> {
    return (await this.orders.ownerOf(orderId)) === member.id;
  }
}

/** A business module that knows nothing of `SocketModule`. */
@Module({ providers: [OrdersRepository, OrderChannel] })
class OrdersModule {}

@Module({ imports: [OrdersModule] })
class ShopModule {}

async function expectOrdersToBeGuarded(parts: HostParts): Promise<void> {
  const { fake } = await startFakeOf(parts);
  const [ada, bob] = [await fake.connect('ada'), await fake.connect('bob')];
  await ada.subscribe('private-orders.7');
  await expect(bob.subscribe('private-orders.7')).rejects.toThrow('no authorizer admits this member');
  await expect(ada.subscribe('private-orders.8')).rejects.toThrow('no authorizer admits this member');
}

describe('an authorizer', () => {
  const socketModule = () => SocketTestingModule.forRoot({ env: {}, identify });

  test('decides with the repository that is injected into it', async () => {
    await expectOrdersToBeGuarded({ imports: [socketModule()], providers: [OrdersRepository, OrderChannel] });
  });

  test('is found in whichever module provides it, before or after SocketModule', async () => {
    await expectOrdersToBeGuarded({ imports: [socketModule(), ShopModule] });
    await expectOrdersToBeGuarded({ imports: [ShopModule, socketModule()] });
  });

  test.each([
    ['useClass', { provide: 'orders', useClass: OrderChannel }],
    ['useValue', { provide: 'orders', useValue: new OrderChannel(new OrdersRepository()) }],
    ['useFactory', { provide: OrderChannel, useFactory: () => new OrderChannel(new OrdersRepository()) }],
  ])('is found when it is provided with %s', async (_, provider) => {
    await expectOrdersToBeGuarded({ imports: [socketModule()], providers: [OrdersRepository, provider] });
  });

  test('may be overridden in a test, like every provider', async () => {
    const { fake } = await startFakeOf({ imports: [socketModule(), ShopModule] }, (builder) =>
      builder.overrideProvider(OrderChannel).useValue({ authorize: () => true }),
    );
    const bob = await fake.connect('bob');
    await expect(bob.subscribe('private-orders.7')).resolves.toBeUndefined();
  });

  test('has its dependencies overridden in a test, like every provider', async () => {
    const { fake } = await startFakeOf({ imports: [socketModule(), ShopModule] }, (builder) =>
      builder.overrideProvider(OrdersRepository).useValue({ ownerOf: () => 'bob' }),
    );
    await expect((await fake.connect('bob')).subscribe('private-orders.7')).resolves.toBeUndefined();
  });

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['zero', 0],
    ['the empty text', ''],
    ['a text', 'yes'],
  ])('that answers %s, which is neither yes nor a member, admits nobody', async (_, answer) => {
    logged('error');
    @AuthorizeChannel('private-odd')
    class OddPrivate {
      authorize(): unknown {
        return answer;
      }
    }
    @AuthorizeChannel('presence-odd')
    class OddPresence extends OddPrivate {}
    const { url } = await startHost({ provider: 'ws' }, { providers: [OddPrivate, OddPresence] });
    for (const channel_name of ['private-odd', 'presence-odd']) {
      const [status, body] = await form(`${url}/socket/auth`, { socket_id: SOCKET_ID, channel_name }, ADA);
      expect(body).not.toHaveProperty('auth');
      expect(status).toBeGreaterThanOrEqual(400);
    }
  });
});

describe('an authorizer that throws', () => {
  @AuthorizeChannel('private-broken.{how}')
  class BrokenChannel implements ChannelAuthorizer<{ how: string }> {
    async authorize(_member: Identity, { how }: { how: string }): Promise<boolean> {
      await Promise.resolve();
      if (how === 'not-found') throw new NotFoundException('No such order');
      if (how === 'badly') throw new Error('the database at db.internal is away');
      return true;
    }
  }

  test('fails that request with 500, without its reason, and nothing else', async () => {
    const { url } = await startHost({ provider: 'ws' }, { providers: [BrokenChannel] });
    const ask = (how: string) =>
      form(`${url}/socket/auth`, { socket_id: SOCKET_ID, channel_name: `private-broken.${how}` }, ADA);
    const answers = await Promise.all([ask('not'), ask('badly'), ask('not')]);
    expect(answers.map(([status]) => status)).toEqual([200, 500, 200]);
    expect(JSON.stringify(answers)).not.toContain('db.internal');
    expect((await ask('not'))[0]).toBe(200);
  });

  test('with an HTTP error of its own answers that', async () => {
    const { url } = await startHost({ provider: 'ws' }, { providers: [BrokenChannel] });
    const fields = { socket_id: SOCKET_ID, channel_name: 'private-broken.not-found' };
    expect((await form(`${url}/socket/auth`, fields, ADA))[0]).toBe(404);
  });
});

describe('an authorizer that cannot work is an error at the start', () => {
  @Injectable({ scope: Scope.REQUEST })
  @AuthorizeChannel('private-c.{id}')
  class EmptyPerRequest {}

  @AuthorizeChannel('private-d.{id}')
  class Empty {}

  @AuthorizeChannel('private-e.{id}')
  class Misspelled {
    readonly authorize = 'yes';
  }

  test.each([
    ['one that is request-scoped, without authorize', EmptyPerRequest, [EmptyPerRequest]],
    ['one without authorize', Empty, [Empty]],
    ['one whose authorize is no method', Misspelled, [Misspelled]],
  ])('%s, by its name', async (_, { name }, providers) => {
    const starting = startFake({}, { providers });
    await expect(starting).rejects.toMatchObject({ code: 'INVALID_CONFIGURATION' });
    await expect(starting).rejects.toThrow(new RegExp(`${name} in HostModule.*method authorize`, 's'));
  });
});

describe('forRootAsync', () => {
  const KNOWN = Symbol('known');

  @Injectable()
  class Settings {
    readonly broadcastChannel = 'private-from-settings';
  }

  @Module({ providers: [Settings, { provide: KNOWN, useValue: 'ada' }], exports: [Settings, KNOWN] })
  class SettingsModule {}

  const options = (settings: Settings, known: string): SocketModuleOptions => ({
    env: {},
    broadcastChannel: settings.broadcastChannel,
    identify: ({ headers }) => (headers['x-member'] === known ? { id: known } : null),
  });

  test.each<
    [string, (settings: Settings, known: string) => SocketModuleOptions | Promise<SocketModuleOptions>]
  >([
    ['a factory', options],
    ['an asynchronous factory', async (...injected) => Promise.resolve(options(...injected))],
  ])('takes its options from %s and what is injected into it', async (_, useFactory) => {
    const socketModule = SocketModule.forRootAsync({
      imports: [SettingsModule],
      inject: [Settings, KNOWN],
      useFactory,
    });
    await expectOrdersToBeGuarded({ imports: [socketModule, SocketTestingModule, ShopModule] });
    const { fake } = await startFakeOf({ imports: [socketModule, SocketTestingModule] });
    const ada = await fake.connect('ada');
    expect(ada.isConnected).toBe(true);
    const { service } = await startFakeOf({ imports: [socketModule, SocketTestingModule] });
    expect(service.provider).toBe('memory');
  });

  test('needs neither imports nor inject, and takes the paths beside the factory', async () => {
    const seen: unknown[] = [];
    const socketModule = SocketModule.forRootAsync({
      path: 'live',
      useFactory: (...injected: unknown[]) => {
        seen.push(injected);
        return { env: {} };
      },
    });
    await startFakeOf({ imports: [socketModule, SocketTestingModule] });
    expect(seen).toEqual([[]]);
  });

  test('may inject what is optional', async () => {
    const seen: unknown[] = [];
    const socketModule = SocketModule.forRootAsync({
      inject: [{ token: 'absent', optional: true }],
      useFactory: (absent: unknown) => {
        seen.push(absent);
        return { env: {} };
      },
    });
    await startFakeOf({ imports: [socketModule, SocketTestingModule] });
    expect(seen).toEqual([undefined]);
  });

  test('fails the start with every problem of what the factory answered', async () => {
    const socketModule = SocketModule.forRootAsync({
      useFactory: () => ({ env: { SOCKET_FAILURE: 'never', PUSHER_PORT: '0' } }),
    });
    await expect(startFakeOf({ imports: [socketModule, SocketTestingModule] })).rejects.toMatchObject({
      code: 'INVALID_CONFIGURATION',
      problems: [expect.stringContaining('SOCKET_FAILURE'), expect.stringContaining('PUSHER_PORT')],
    });
  });

  test('fails the start with what the factory throws', async () => {
    const socketModule = SocketModule.forRootAsync({
      useFactory: () => Promise.reject(new Error('the vault is sealed')),
    });
    await expect(startFakeOf({ imports: [socketModule, SocketTestingModule] })).rejects.toThrow(
      'the vault is sealed',
    );
  });
});
