import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  AuthorizeChannel,
  type ChannelAuthorizer,
  SocketModule,
  type SocketModuleOptions,
  SocketService,
} from 'nestjs-switchboard';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { startFakeOf } from '../support/hosts.js';
import { onTeardown } from '../support/teardown.js';

@Injectable()
class Greeter {
  constructor(private readonly socketService: SocketService) {}

  async greet(memberId: string): Promise<void> {
    await this.socketService.relayToMember(memberId, 'MEMBER_MESSAGED', { from: 'greeter', text: 'hello' });
  }
}

@AuthorizeChannel('private-club')
class ClubChannel implements ChannelAuthorizer {
  authorize({ id }: { id: string }): boolean {
    return id === 'alice';
  }
}

@Module({ providers: [Greeter, ClubChannel], exports: [Greeter] })
class GreetingModule {}

/** An application as it is in production: it imports `SocketModule` with a provider of its own. */
function applicationWith(options: SocketModuleOptions) {
  @Module({ imports: [SocketModule.forRoot(options), GreetingModule] })
  class AppModule {}
  return AppModule;
}

describe('beside an application that imports SocketModule, the class', () => {
  test.each<[string, SocketModuleOptions]>([
    ['ws', { env: {}, provider: 'ws' }],
    ['ws by the environment', { env: { SOCKET_PROVIDER: 'ws' } }],
    ['pusher, whose credentials no test has', { env: { SOCKET_PROVIDER: 'pusher' } }],
    ['pusher in code', { env: {}, provider: 'pusher' }],
    ['nothing that is named', { env: {} }],
  ])('replaces the provider %s by the fake', async (_, options) => {
    const { app, fake, service } = await startFakeOf({
      imports: [applicationWith(options), SocketTestingModule],
    });
    expect(service.provider).toBe('memory');
    const alice = await fake.connect('alice');
    await app.get(Greeter).greet('alice');
    expect(alice).toHaveReceived('MEMBER_MESSAGED', { from: 'greeter', text: 'hello' });
    fake.assertRelayed('alice', 'MEMBER_MESSAGED');
  });

  test('replaces it whether it is imported first or last', async () => {
    const { service } = await startFakeOf({ imports: [SocketTestingModule, applicationWith({ env: {} })] });
    expect(service.provider).toBe('memory');
  });

  test('replaces it where the options come from a factory', async () => {
    const socketModule = SocketModule.forRootAsync({
      useFactory: () => ({ env: {}, provider: 'ws' as const }),
    });
    const { service } = await startFakeOf({ imports: [socketModule, GreetingModule, SocketTestingModule] });
    expect(service.provider).toBe('memory');
  });

  test("leaves everything else the application's own", async () => {
    const lost: unknown[] = [];
    const options: SocketModuleOptions = {
      env: {},
      provider: 'ws',
      failure: 'report',
      broadcastChannel: 'private-everybody',
      onRelayError: (relay) => void lost.push(relay),
    };
    const { fake, service } = await startFakeOf({ imports: [applicationWith(options), SocketTestingModule] });
    const [alice, bob] = [await fake.connect('alice'), await fake.connect('bob')];
    await alice.subscribe('private-club');
    await expect(bob.subscribe('private-club')).rejects.toThrow('no authorizer admits this member');
    await service.broadcast('ANNOUNCED', { message: 'x' });
    expect(bob.received).toMatchObject([{ channel: 'private-everybody' }]);
    fake.faults.failNext();
    expect(await service.broadcast('ANNOUNCED', { message: 'y' })).toMatchObject({ status: 'failed' });
    expect(lost).toHaveLength(1);
  });

  test('is loud by default: a lost relay throws', async () => {
    const { app, fake } = await startFakeOf({
      imports: [applicationWith({ env: {}, provider: 'ws' }), SocketTestingModule],
    });
    fake.faults.failNext();
    await expect(app.get(Greeter).greet('alice')).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
  });
});

describe('for a module under test alone, forRoot', () => {
  test('brings SocketModule along', async () => {
    const { app, fake, service } = await startFakeOf({
      imports: [SocketTestingModule.forRoot({ env: {} }), GreetingModule],
    });
    expect(service.provider).toBe('memory');
    await app.get(Greeter).greet('alice');
    fake.assertRelayed('alice', 'MEMBER_MESSAGED', { from: 'greeter', text: 'hello' });
  });

  test('is the fake whatever provider its options name', async () => {
    const { service } = await startFakeOf({
      imports: [SocketTestingModule.forRoot({ env: { SOCKET_PROVIDER: 'pusher' }, provider: 'ws' })],
    });
    expect(service.provider).toBe('memory');
  });

  test('needs no options, and no application that was started', async () => {
    const module = await Test.createTestingModule({
      imports: [SocketTestingModule.forRoot(), GreetingModule],
    }).compile();
    onTeardown(() => module.close());
    const fake = module.get(SocketFake);
    const alice = await fake.connect('alice');
    await module.get(Greeter).greet('alice');
    expect(alice).toHaveReceived('MEMBER_MESSAGED');
  });

  test('has authorizers decide, also where nobody has started the application', async () => {
    const module = await Test.createTestingModule({
      imports: [SocketTestingModule.forRoot({ env: {} }), GreetingModule],
    }).compile();
    onTeardown(() => module.close());
    const alice = await module.get(SocketFake).connect('alice');
    await expect(alice.subscribe('private-club')).resolves.toBeUndefined();
  });

  test('gives every testing module a fake of its own', async () => {
    const imports = () => [SocketTestingModule.forRoot({ env: {} }), GreetingModule];
    const [left, right] = [
      await startFakeOf({ imports: imports() }),
      await startFakeOf({ imports: imports() }),
    ];
    await left.app.get(Greeter).greet('alice');
    right.fake.assertNothingRelayed();
    left.fake.assertRelayed('alice', 'MEMBER_MESSAGED');
  });
});
