import { connect, type SwitchboardSocket } from 'nestjs-switchboard/browser';
import type { ContractBrowser, ContractEvent } from 'nestjs-switchboard/testing';
import { io as clientIo, Manager } from 'socket.io-client';
import { EventQueue } from './event-queue.js';
import { authOf } from './socket-io-browser.js';

/** The real one. Its timers keep no test waiting. */
const io = Object.assign((url: string, options: object) => clientIo(url, { ...options, autoUnref: true }), {
  Manager,
});

type Socket = SwitchboardSocket<Awaited<ReturnType<typeof open>>['pusher']>;

/** A member's browser: the browser helper over the real `socket.io-client`. */
export interface HelperBrowser extends ContractBrowser {
  leave(): Promise<void>;
}

const open = (url: string, memberId: string) => connect(io, { url, ...authOf(memberId) });

/** Connects it to a backend, by what its `/socket/config` says. */
export async function openHelper(url: string, memberId: string): Promise<HelperBrowser> {
  const socket: Socket = await open(url, memberId);
  const { pusher } = socket;
  const events = new EventQueue<ContractEvent>();
  socket.onGap((_channel, reason) => {
    events.push({ event: 'gap', payload: reason });
  });
  pusher.connection.bind('message', ({ event, data }: { event: string; data: unknown }) => {
    if (!/^(?:pusher|switchboard):/.test(event)) events.push({ event, payload: data });
  });
  return {
    get socketId() {
      return pusher.connection.socket_id;
    },
    next: () => events.next(),
    subscribe: (name) => subscribed(socket, name),
    disconnected: () =>
      new Promise((resolve) => {
        const check = () => {
          if (pusher.connection.state === 'disconnected') resolve();
        };
        pusher.connection.bind('state_change', check);
        check();
      }),
    loseConnection: async () => {
      pusher.disconnect();
    },
    comeBack: async () => {
      const channels = pusher.allChannels().map(
        (channel) =>
          new Promise((resolve) => {
            channel.bind('pusher:subscription_succeeded', resolve);
          }),
      );
      pusher.connect();
      await Promise.all(channels);
    },
    leave: () =>
      new Promise((resolve) => {
        const { engine } = pusher.io.io;
        if (engine.readyState === 'closed') resolve();
        else
          engine.once('close', () => {
            resolve();
          });
        socket.disconnect();
      }),
  };
}

function subscribed(socket: Socket, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const channel = socket.channel(name);
    if (channel.subscribed) resolve();
    channel.bind('pusher:subscription_succeeded', () => {
      resolve();
    });
    channel.bind('pusher:subscription_error', (error: unknown) => {
      reject(new Error(JSON.stringify(error)));
    });
  });
}
