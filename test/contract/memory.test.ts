import { Test } from '@nestjs/testing';
import { describeSocketClient, SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { SocketRuntime } from '../../src/runtime/socket-runtime.js';
import { PresenceChannel } from './presence.channel.js';

describeSocketClient('memory', async () => {
  const app = await Test.createTestingModule({
    imports: [SocketTestingModule.forRoot({ env: {} })],
    providers: [PresenceChannel],
  }).compile();
  await app.init();
  const fake = app.get(SocketFake);
  return {
    client: app.get(SocketRuntime).client,
    connect: async (memberId) => {
      const member = await fake.connect(memberId);
      let taken = 0;
      return {
        socketId: member.socketId,
        subscribe: (channel) => member.subscribe(channel),
        // Delivery happens within the call, so what is not there will not come.
        next: async () => {
          const event = member.received[taken++];
          if (event === undefined) throw new Error(`nothing more reached "${memberId}"`);
          return { event: event.event, payload: event.payload };
        },
        disconnected: async () => {
          expect(member).toBeDisconnected();
        },
      };
    },
    stop: () => app.close(),
  };
});
