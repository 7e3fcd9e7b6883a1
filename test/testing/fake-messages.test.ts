import { Test } from '@nestjs/testing';
import { ConnectedSocket, MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { AuthorizeChannel, MemberSocket, SocketHandlers } from 'nestjs-switchboard';
import { FakeMessageError, SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { startFake } from '../support/hosts.js';
import { onTeardown } from '../support/teardown.js';

@AuthorizeChannel('private-x')
class XChannel {
  authorize(): boolean {
    return true;
  }
}

@SocketHandlers()
class EchoHandlers {
  @SubscribeMessage('ECHO')
  echo(@MessageBody() body: unknown, @ConnectedSocket() from: MemberSocket): object {
    from.emit('HEARD', { body });
    return { body, on: from.channel };
  }

  @SubscribeMessage('DATED')
  dated(): object {
    return { at: new Date(0), nothing: undefined };
  }
}

const start = () => startFake({}, { providers: [XChannel, EchoHandlers] });

describe('A member of the fake', () => {
  test('asks, and gets the answer as JSON carries it', async () => {
    const { fake } = await start();
    const ada = await fake.connect('ada');
    await ada.subscribe('private-x');
    expect(await ada.ask('ECHO', { at: new Date(0), gone: undefined }, { channel: 'private-x' })).toEqual({
      body: { at: '1970-01-01T00:00:00.000Z' },
      on: 'private-x',
    });
    expect(await ada.ask('DATED')).toEqual({ at: '1970-01-01T00:00:00.000Z' });
    expect(ada.received).toMatchObject([{ event: 'HEARD' }]);
  });

  test('sends, and waits until the handler has ended', async () => {
    const { fake } = await start();
    const ada = await fake.connect('ada');
    await ada.send('ECHO', 1);
    expect(ada.received).toMatchObject([{ event: 'HEARD', payload: { body: 1 } }]);
  });

  test('rejects with an error whose message is a sentence, and whose code is that of the browser', async () => {
    const { fake } = await start();
    const ada = await fake.connect('ada');
    const refused = ada.ask('NO_SUCH');
    await expect(refused).rejects.toThrow(FakeMessageError);
    await expect(refused).rejects.toMatchObject({
      code: 'UNKNOWN_EVENT',
      message: '"ada" could not send "NO_SUCH": No handler takes "NO_SUCH" (UNKNOWN_EVENT)',
    });
    ada.disconnect();
    await expect(ada.send('ECHO')).rejects.toThrow('"ada" could not send "ECHO": the connection is closed');
  });

  test('needs no started application', async () => {
    const module = await Test.createTestingModule({
      imports: [SocketTestingModule.forRoot({ env: {} })],
      providers: [EchoHandlers],
    }).compile();
    onTeardown(() => module.close());
    const ada = await module.get(SocketFake).connect('ada');
    expect(await ada.ask('ECHO', 1)).toEqual({ body: 1 });
  });

  test('answers askMember, with a value, a promise or an error, and the last answer for an event counts', async () => {
    const { fake, service } = await start();
    const ada = await fake.connect('ada');
    ada.answers('STILL_THERE', () => 'old');
    const stop = ada.answers('STILL_THERE', (payload) => Promise.resolve({ payload }));
    expect(await service.askMember('ada', 'STILL_THERE', [1])).toEqual({ payload: [1] });
    expect(ada.received).toEqual([]);
    stop();
    await expect(service.askMember('ada', 'STILL_THERE')).rejects.toThrow('has no answers');
    ada.answers('STILL_THERE', () => {
      throw new Error('busy');
    });
    await expect(service.askMember('ada', 'STILL_THERE')).rejects.toThrow('A browser failed: "busy"');
  });

  test('that does not answer in time is told by the error, when the test moves the clock', async () => {
    const { fake, service } = await start();
    const ada = await fake.connect('ada');
    ada.answers('STILL_THERE', () => new Promise(() => undefined));
    const asked = service.askMember('ada', 'STILL_THERE');
    fake.advance(5_000);
    await expect(asked).rejects.toMatchObject({ code: 'NO_ANSWER', memberId: 'ada', isConnected: true });
  });
});

test('askMember fails when a test orders a failure', async () => {
  const { fake, service } = await start();
  fake.faults.timeOutNext();
  await expect(service.askMember('ada', 'STILL_THERE')).rejects.toMatchObject({
    code: 'PROVIDER_UNAVAILABLE',
  });
});
