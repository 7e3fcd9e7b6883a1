import { createRequire } from 'node:module';
import { connect, type SwitchboardSocket } from 'nestjs-switchboard/browser';
import type { ContractBrowser, ContractEvent } from 'nestjs-switchboard/testing';
import type PusherModule from 'pusher-js';
import type { Channel } from 'pusher-js';
import { EventQueue } from './event-queue.js';

// pusher-js is CommonJS whose exports are the class itself, which its types do not say.
const StockPusher = createRequire(import.meta.url)('pusher-js') as typeof PusherModule;

const left = new WeakSet<PusherModule>();

/**
 * The real `pusher-js`, which stays away once a test has left. After a close with 4100 it has two timers for its next try, and
 * its `disconnect` stops only one of them: a second later it would connect again, and try for ever.
 */
export class Pusher extends StockPusher {
  override connect(): void {
    left.delete(this);
    super.connect();
  }

  override disconnect(): void {
    left.add(this);
    super.disconnect();
    this.connection.bind('connecting', () => {
      // pusher-js is in the middle of it.
      setImmediate(() => {
        if (left.has(this)) super.disconnect();
      });
    });
  }
}

// pusher-js for Node closes a socket that the server has closed already, and its faye-websocket then leaves a timer of
// 30 seconds behind. It must not keep the test run alive.
const FAYE_CLOSE_TIMEOUT_MS = 30_000;
const { setTimeout: originalSetTimeout } = globalThis;
globalThis.setTimeout = Object.assign(
  (...args: Parameters<typeof originalSetTimeout>) => {
    const timer = originalSetTimeout(...args);
    if (args[1] === FAYE_CLOSE_TIMEOUT_MS) timer.unref();
    return timer;
  },
  { __promisify__: originalSetTimeout.__promisify__ },
);

/** A member's browser: the real `pusher-js`, signed in and on the broadcast channel. */
export interface PusherBrowser extends ContractBrowser {
  readonly socket: SwitchboardSocket<Pusher>;
  leave(): void;
}

/** A member's id as a header can carry it. */
function headerOf(memberId: string): string {
  return /^[\w.,;=@-]+$/.test(memberId) ? memberId : encodeURIComponent(memberId);
}

/** Connects the real `pusher-js` to a backend, by what its `/socket/config` says. */
export async function openBrowser(url: string, memberId: string): Promise<PusherBrowser> {
  const socket = await connect(Pusher, { url, headers: { 'x-member': headerOf(memberId) } });
  const events = new EventQueue<ContractEvent>();
  socket.onGap((_channel, reason) => {
    events.push({ event: 'gap', payload: reason });
  });
  socket.pusher.bind_global((event: string, payload: unknown) => {
    if (!event.startsWith('pusher:')) events.push({ event, payload });
  });
  return {
    socket,
    get socketId() {
      return socket.pusher.connection.socket_id;
    },
    next: () => events.next(),
    subscribe: (name) => subscribed(socket.channel(name)),
    disconnected: () =>
      new Promise((resolve) => {
        const check = () => {
          if (socket.pusher.connection.state === 'disconnected') resolve();
        };
        socket.pusher.connection.bind('state_change', check);
        check();
      }),
    loseConnection: async () => {
      socket.pusher.disconnect();
    },
    comeBack: () => back(socket.pusher),
    leave: () => {
      socket.disconnect();
    },
  };
}

/** Connects again, and waits until the page is signed in and subscribed to what it was on. */
async function back(pusher: Pusher): Promise<void> {
  const signedIn = new Promise<void>((resolve) => {
    pusher.connection.bind('message', ({ event }: { event: string }) => {
      if (event === 'pusher:signin_success') resolve();
    });
  });
  const channels = pusher.allChannels().map(
    (channel) =>
      new Promise<void>((resolve) => {
        channel.bind('pusher:subscription_succeeded', () => {
          resolve();
        });
      }),
  );
  pusher.connect();
  await Promise.all([signedIn, ...channels]);
}

/** Waits for a channel's subscription, or rejects with what `pusher-js` says of its failure. */
export function subscribed(channel: Channel): Promise<void> {
  return new Promise((resolve, reject) => {
    if (channel.subscribed) resolve();
    channel.bind('pusher:subscription_succeeded', () => {
      resolve();
    });
    channel.bind('pusher:subscription_error', (error: unknown) => {
      reject(new Error(JSON.stringify(error)));
    });
  });
}
