import { Test } from '@nestjs/testing';
import type { SocketModuleOptions } from 'nestjs-switchboard';
import { describeSocketClient, SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { SocketRuntime } from '../../src/runtime/socket-runtime.js';
import { HISTORY } from './history.js';
import { PresenceChannel } from './presence.channel.js';

function describeMemory(name: string, options: SocketModuleOptions, hasHistory: boolean): void {
  const start = async () => {
    const app = await Test.createTestingModule({
      imports: [SocketTestingModule.forRoot({ env: {}, ...options })],
      providers: [PresenceChannel],
    }).compile();
    await app.init();
    const fake = app.get(SocketFake);
    return {
      client: app.get(SocketRuntime).client,
      connect: async (memberId: string) => {
        const member = await fake.connect(memberId);
        let [taken, told] = [0, 0];
        return {
          get socketId() {
            return member.socketId;
          },
          subscribe: (channel: string) => member.subscribe(channel),
          // Delivery happens within the call, so what is not there will not come.
          next: async () => {
            const gap = member.gaps[told];
            if (gap !== undefined) {
              told++;
              return { event: 'gap', payload: gap.reason };
            }
            const event = member.received[taken++];
            if (event === undefined) throw new Error(`nothing more reached "${memberId}"`);
            return { event: event.event, payload: event.payload };
          },
          disconnected: async () => {
            expect(member).toBeDisconnected();
          },
          loseConnection: async () => {
            member.loseConnection();
          },
          comeBack: () => member.comeBack(),
        };
      },
      stop: () => app.close(),
    };
  };
  describeSocketClient(name, start, { hasHistory });
}

describeMemory('memory', {}, false);
describeMemory('memory with history', { history: HISTORY }, true);
