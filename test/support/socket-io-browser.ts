import type { ContractBrowser, ContractEvent } from 'nestjs-switchboard/testing';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { EventQueue } from './event-queue.js';

/** The answer to a message of a Socket.IO client. */
export interface Reply {
  readonly ok: boolean;
  readonly code?: number | string | null;
  readonly message?: string;
  readonly members?: readonly { readonly id: string; readonly info?: unknown }[];
}

/** An event as a Socket.IO client gets it. */
export interface SocketIoEvent extends ContractEvent {
  readonly channel?: string;
  readonly userId?: string;
}

/** A page with the real `socket.io-client`. */
export interface SocketIoBrowser extends ContractBrowser {
  readonly socket: Socket;
  /** The next event of the application, with its channel. Each is returned once, here or by `next`. */
  nextWhole(): Promise<SocketIoEvent>;
  /** The events `pusher:…`. */
  nextOfProtocol(): Promise<SocketIoEvent>;
  /** Sends a message, and resolves with its answer. */
  ask(event: string, ...values: readonly unknown[]): Promise<Reply>;
  /** Leaves for good, and resolves when nothing more is sent. */
  leave(): Promise<void>;
}

type Options = Partial<ManagerOptions & SocketOptions>;

const WEB_SOCKET = { 'a WebSocket': ['websocket'] } as const;

/**
 * The transports of a page: one of them, or polling that becomes a WebSocket. On two nodes it is a WebSocket only, because the
 * balancer of these tests keeps no session on one node.
 */
export const TRANSPORTS: Readonly<Record<string, readonly ('polling' | 'websocket')[]>> =
  (globalThis.SWITCHBOARD_TEST_NODES ?? 1) > 1
    ? WEB_SOCKET
    : { ...WEB_SOCKET, polling: ['polling'], 'polling that becomes a WebSocket': ['polling', 'websocket'] };

/** The `auth` of a member, for a host whose callers say who they are in the header `x-member`. */
export function authOf(memberId: string): { headers: Record<string, string> } {
  return { headers: { 'x-member': encodeURIComponent(memberId) } };
}

/** Makes a page that is not connected yet. Whoever does closes it. */
export function socketIoPage(url: string, options: Options = {}): SocketIoBrowser {
  // It leaves a timer of a minute behind where it has left while a poll was being answered.
  const settings = { forceNew: true, autoConnect: false, autoUnref: true } as const;
  const socket = io(url, { ...settings, transports: ['websocket'], ...options });
  const events = new EventQueue<SocketIoEvent>();
  const protocol = new EventQueue<SocketIoEvent>();
  let socketId = '';
  socket.on('pusher:connection_established', ({ socket_id }: { socket_id: string }) => {
    socketId = socket_id;
  });
  socket.onAny((event: string, payload: unknown, channel?: string, userId?: string) => {
    const heard = {
      event,
      payload,
      ...(channel !== undefined && { channel }),
      ...(userId !== undefined && { userId }),
    };
    (event.startsWith('pusher:') ? protocol : events).push(heard);
  });
  const ask = (event: string, ...values: readonly unknown[]): Promise<Reply> =>
    socket.emitWithAck(event, ...values) as Promise<Reply>;
  return {
    socket,
    get socketId() {
      return socketId;
    },
    next: async () => {
      const { event, payload } = await events.next();
      return { event, payload };
    },
    nextWhole: () => events.next(),
    nextOfProtocol: () => protocol.next(),
    ask,
    subscribe: async (channel) => {
      const reply = await ask('subscribe', channel);
      if (!reply.ok) throw new Error(JSON.stringify(reply));
    },
    disconnected: () =>
      new Promise((resolve) => {
        if (socket.disconnected && !socket.active) resolve();
        socket.on('disconnect', () => {
          if (!socket.active) resolve();
        });
      }),
    leave: () =>
      new Promise((resolve) => {
        // It is made with the first try to connect, although its type does not say so.
        const engine = socket.io.engine as typeof socket.io.engine | undefined;
        socket.disconnect();
        if (engine === undefined || engine.readyState === 'closed') resolve();
        else
          engine.once('close', () => {
            resolve();
          });
      }),
  };
}

/** Resolves when the page is connected, and rejects with what the gateway says. */
export function connected({ socket }: Pick<SocketIoBrowser, 'socket'>): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
    socket.connect();
  });
}

/** Opens a member's page. */
export async function openSocketIo(
  url: string,
  memberId: string,
  options: Options = {},
): Promise<SocketIoBrowser> {
  const page = socketIoPage(url, { auth: authOf(memberId), ...options });
  await connected(page);
  return page;
}
