import 'reflect-metadata';
import { type DynamicModule, Injectable, Module } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { SocketModule, SocketService } from 'nestjs-switchboard';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { identify, rejection, startFakeOf } from '../../support/hosts.js';

const HELLO = { from: 'ada', text: 'hello' };

const FROM_ROOT = SocketModule.forRoot({ env: {}, identify });

@Module({ imports: [FROM_ROOT] })
class RootModule {}

@Module({ imports: [SocketModule.forRoot({ env: {}, identify })] })
class ChatModule {}

@Module({ imports: [SocketModule.forRootAsync({ useFactory: () => ({ env: {} }) })] })
class ReportsModule {}

/** A module of a library that many applications share. */
@Module({})
class SharedModule {
  static register(): DynamicModule {
    return { module: SharedModule, imports: [SocketModule.forRoot({ env: {}, failure: 'throw' })] };
  }
}

@Injectable()
class Chat {
  constructor(readonly service: SocketService) {}
}

describe('a second SocketModule in one application stops the start, and both places are named', () => {
  test.each([
    [
      'two modules',
      ChatModule,
      ['SocketModule.forRoot() in RootModule (', 'SocketModule.forRoot() in ChatModule ('],
    ],
    [
      'both kinds',
      ReportsModule,
      ['SocketModule.forRoot() in RootModule (', 'SocketModule.forRootAsync() in ReportsModule ('],
    ],
    [
      'a library’s dynamic module',
      SharedModule.register(),
      ['SocketModule.forRoot() in RootModule (', 'SocketModule.forRoot() ('],
    ],
  ])('from %s', async (_, second, places) => {
    for (const imports of [
      [RootModule, second],
      [second, RootModule],
    ]) {
      const error = await rejection(startFakeOf({ imports: [...imports, SocketTestingModule] }));
      expect(error).toMatchObject({ code: 'INVALID_CONFIGURATION' });
      const { message } = error as Error;
      for (const place of places) expect(message).toContain(place);
      expect(message.match(/only-module\.test\.ts:\d+:\d+\)/g)).toHaveLength(2);
      expect(message).toContain('Import it once, in the root module');
    }
  });

  test('also where a module is loaded lazily, and the application goes on', async () => {
    const { app, service, fake } = await startFakeOf({ imports: [RootModule, SocketTestingModule] });
    const loader = app.get(LazyModuleLoader);
    const error = await rejection(loader.load(() => ChatModule, { logger: false }));
    expect(String(error)).toMatch(/more than once.*RootModule.*ChatModule/s);
    const ada = await fake.connect('ada');
    await service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO);
    expect(ada).toHaveReceived('MEMBER_MESSAGED', HELLO);
  });

  test('and a test is told how to use the fake beside an application', async () => {
    const imports = [RootModule, SocketTestingModule.forRoot({ env: {} })];
    expect(String(await rejection(startFakeOf({ imports })))).toContain(
      'a test imports the class SocketTestingModule, without forRoot()',
    );
  });
});

describe('one and the same SocketModule may be imported in several modules', () => {
  @Module({ imports: [FROM_ROOT], providers: [Chat] })
  class SameModule {}

  @Module({ imports: [SocketModule.forRoot()], providers: [Chat] })
  class PlainModule {}

  @Module({ imports: [SocketModule.forRoot({})] })
  class OtherPlainModule {}

  test.each([
    ['the same object', [RootModule, SameModule]],
    ['forRoot() without options', [OtherPlainModule, PlainModule]],
  ])('as %s, and all of them relay through it', async (_, modules) => {
    const { app, service, fake } = await startFakeOf({ imports: [...modules, SocketTestingModule] });
    const ada = await fake.connect('ada');
    expect(app.get(Chat, { strict: false }).service).toBe(service);
    await service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO);
    expect(ada).toHaveReceived('MEMBER_MESSAGED', HELLO);
  });

  test('also in one that is loaded lazily', async () => {
    const { app, service } = await startFakeOf({ imports: [OtherPlainModule, SocketTestingModule] });
    const lazy = await app.get(LazyModuleLoader).load(() => PlainModule, { logger: false });
    expect(lazy.get(Chat).service).toBe(service);
  });

  test('and two applications in one process have one each', async () => {
    const start = () => startFakeOf({ imports: [PlainModule, SocketTestingModule] });
    const [one, other] = [await start(), await start()];
    const [here, there] = [await one.fake.connect('ada'), await other.fake.connect('ada')];
    await one.service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO);
    expect(here).toHaveReceived('MEMBER_MESSAGED', HELLO);
    expect(there.received).toEqual([]);
    await one.app.close();
    await other.service.relayToMember('ada', 'MEMBER_MESSAGED', HELLO);
    expect(there).toHaveReceived('MEMBER_MESSAGED', HELLO);
    expect(other.app.get(SocketFake)).toBe(other.fake);
  });
});
