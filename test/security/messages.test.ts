import { ConnectedSocket, MessageBody, SubscribeMessage } from '@nestjs/websockets';
import {
  AuthorizeChannel,
  MemberSocket,
  SocketHandlers,
  type SocketModuleOptions,
  SocketService,
} from 'nestjs-switchboard';
import { DEVELOPMENT_APP } from '../../src/settings/app.js';
import { type Host, logged, startHost } from '../support/hosts.js';
import { RawClient } from '../support/raw-client.js';
import { channelAuth, userAuth } from '../support/signing.js';

/** The calls of handlers. */
const called: unknown[] = [];
/** Ends the handlers that wait. */
const ends: (() => void)[] = [];

beforeEach(() => {
  called.splice(0);
  ends.splice(0);
});

@AuthorizeChannel('private-orders.{orderId}')
class OrderChannel {
  authorize(): boolean {
    return true;
  }
}

@SocketHandlers()
class MemberHandlers {
  readonly secret = 'postgres://root:secret@db';

  @SubscribeMessage('NOTED')
  noted(@MessageBody() body: unknown, @ConnectedSocket() from: MemberSocket): object {
    called.push(body);
    return { by: from.member.id };
  }

  @SubscribeMessage('HELD')
  held(): Promise<void> {
    called.push('held');
    return new Promise((resolve) => ends.push(resolve));
  }

  @SubscribeMessage('FAILS')
  fails(): never {
    throw new Error(`cannot connect to ${this.secret}`);
  }

  unmarked(): void {
    called.push('unmarked');
  }
}

@SocketHandlers({ channel: 'private-orders.{orderId}' })
class OrderHandlers {
  @SubscribeMessage('PLACED')
  placed(): void {
    called.push('placed');
  }
}

@SocketHandlers({ allowAnonymous: true })
class GuestHandlers {
  @SubscribeMessage('LOOKED')
  looked(): string {
    called.push('looked');
    return 'seen';
  }
}

const PROVIDERS = [OrderChannel, MemberHandlers, OrderHandlers, GuestHandlers];

function start(options: SocketModuleOptions = {}): Promise<Host> {
  return startHost({ provider: 'ws', ...options }, { providers: PROVIDERS });
}

/** A client that an attacker wrote: it sends any frame. */
class Attacker {
  readonly #client: RawClient;
  readonly #socketId: string;
  #asked = 0;

  private constructor(client: RawClient, socketId: string) {
    this.#client = client;
    this.#socketId = socketId;
  }

  /** @param member whose signature it has; nobody's where it is left out */
  static async connect({ topology }: Host, member?: string): Promise<Attacker> {
    const client = RawClient.open(`ws://127.0.0.1:${topology.port}/app/${DEVELOPMENT_APP.key}?protocol=7`);
    const attacker = new Attacker(client, await client.greeted());
    if (member !== undefined) {
      attacker.sends('pusher:signin', userAuth(DEVELOPMENT_APP, attacker.#socketId, { id: member }));
      await attacker.hears('pusher:signin_success');
    }
    return attacker;
  }

  async subscribes(channel: string): Promise<void> {
    this.sends('pusher:subscribe', { channel, ...channelAuth(DEVELOPMENT_APP, this.#socketId, channel) });
    await this.hears('pusher_internal:subscription_succeeded');
  }

  sends(event: string, data: unknown, more: object = {}): void {
    this.#client.socket.send(JSON.stringify({ event, data, ...more }));
  }

  /** Waits for an event, and returns its data. */
  async hears(event: string): Promise<unknown> {
    for (;;) {
      const { event: heard, data } = await this.#client.next();
      if (heard === event) return typeof data === 'string' ? (JSON.parse(data) as unknown) : data;
    }
  }

  /** Asks, and resolves with the answer's payload, or with the code of its error. */
  async asks(event: string, more: object = {}): Promise<unknown> {
    const id = String(++this.#asked);
    this.sends('switchboard:ask', { id, event, ...more }, more);
    const answer = (await this.hears('switchboard:answer')) as {
      readonly payload?: unknown;
      readonly error?: { readonly code: string };
    };
    return answer.error === undefined ? answer.payload : answer.error.code;
  }
}

describe('A message to a handler', () => {
  test('has its sender from the signin, whatever the frame says', async () => {
    const mallory = await Attacker.connect(await start(), 'mallory');
    const forged = { user_id: 'admin', member: 'admin', user: { id: 'admin' }, socket_id: '1.1' };
    expect(await mallory.asks('NOTED', { payload: forged, ...forged })).toEqual({ by: 'mallory' });
  });

  test('reaches no handler of a channel without a subscription, nor after removeFromChannel', async () => {
    const host = await start();
    const mallory = await Attacker.connect(host, 'mallory');
    const channel = 'private-orders.7';
    expect(await mallory.asks('PLACED', { channel })).toBe('NOT_ON_CHANNEL');
    expect(await mallory.asks('PLACED')).toBe('NOT_ON_CHANNEL');
    await mallory.subscribes(channel);
    expect(await mallory.asks('PLACED', { channel })).toBeUndefined();
    expect(await mallory.asks('PLACED', { channel: 'private-orders.8' })).toBe('NOT_ON_CHANNEL');
    await host.app.get(SocketService).removeFromChannel(channel, 'mallory');
    expect(await mallory.asks('PLACED', { channel })).toBe('NOT_ON_CHANNEL');
    expect(called).toEqual(['placed']);
  });

  test('of a stranger reaches no handler but those that allow it', async () => {
    const stranger = await Attacker.connect(await start());
    expect(await stranger.asks('NOTED')).toBe('NOT_SIGNED_IN');
    expect(await stranger.asks('LOOKED')).toBe('seen');
    expect(called).toEqual(['looked']);
  });

  test('with a guessed name runs nothing, be it a method of the class or of JavaScript', async () => {
    const mallory = await Attacker.connect(await start(), 'mallory');
    for (const event of [
      'noted',
      'unmarked',
      'constructor',
      '__proto__',
      'toString',
      'client-NOTED',
      ' NOTED',
    ])
      expect([event, await mallory.asks(event)]).toEqual([event, 'UNKNOWN_EVENT']);
    expect(called).toEqual([]);
  });

  test('is read by no handler when it is larger than SOCKET_MAX_HANDLER_MESSAGE_BYTES', async () => {
    const mallory = await Attacker.connect(
      await start({ handlers: { limits: { messageBytes: 1_000 } } }),
      'mallory',
    );
    // Characters of three bytes each: it is the bytes that count.
    expect(await mallory.asks('NOTED', { payload: '€'.repeat(400) })).toBe('TOO_LARGE');
    expect(await mallory.asks('NOTED', { payload: 'x'.repeat(400) })).toEqual({ by: 'mallory' });
    expect(called).toEqual(['x'.repeat(400)]);
  });

  test('that fails tells its sender nothing of the inside', async () => {
    const { lines } = logged('error');
    const mallory = await Attacker.connect(await start(), 'mallory');
    mallory.sends('switchboard:ask', { id: '1', event: 'FAILS' });
    expect(await mallory.hears('switchboard:answer')).toEqual({
      id: '1',
      error: { code: 'FAILED', message: 'The message could not be handled' },
    });
    mallory.sends('switchboard:send', { event: 'FAILS' });
    expect(await mallory.hears('pusher:error')).toEqual({
      code: 4303,
      message: 'FAILED: The message could not be handled',
    });
    expect(lines).toHaveLength(2);
  });
});

describe('A flood of messages', () => {
  test('calls handlers no more often than SOCKET_MAX_HANDLER_MESSAGES_PER_SECOND and …_PER_MEMBER say', async () => {
    const host = await start({ handlers: { limits: { messagesPerSecond: 20, messagesPerMember: 30 } } });
    const tabs = await Promise.all([1, 2].map(() => Attacker.connect(host, 'mallory')));
    const [one, two] = tabs as [Attacker, Attacker];
    const codes: unknown[] = [];
    const began = performance.now();
    for (const tab of [one, two]) for (let sent = 0; sent < 60; sent++) codes.push(await tab.asks('NOTED'));
    const seconds = Math.ceil((performance.now() - began) / 1_000) + 1;
    expect(codes).toContain('TOO_MANY');
    expect(called.length).toBeLessThanOrEqual(30 * seconds);
    const bob = await Attacker.connect(host, 'bob');
    expect(await bob.asks('NOTED')).toEqual({ by: 'bob' });
  });

  test('keeps no more than SOCKET_MAX_RUNNING_HANDLERS busy, and others are served meanwhile', async () => {
    const host = await start({ handlers: { timeoutMs: 0, limits: { running: 3 } } });
    const mallory = await Attacker.connect(host, 'mallory');
    for (let sent = 0; sent < 6; sent++)
      mallory.sends('switchboard:ask', { id: String(sent), event: 'HELD' });
    for (let refused = 0; refused < 3; refused++)
      expect(await mallory.hears('switchboard:answer')).toMatchObject({
        error: { code: 'TOO_MANY_RUNNING' },
      });
    const bob = await Attacker.connect(host, 'bob');
    expect(await bob.asks('NOTED')).toEqual({ by: 'bob' });
    expect(called.filter((call) => call === 'held')).toHaveLength(1);
    for (let ended = 0; ended < 3; ended++) {
      while (ends.length === 0) await bob.asks('LOOKED');
      ends.shift()?.();
      expect(await mallory.hears('switchboard:answer')).toMatchObject({ id: String(ended) });
    }
  });
});
