import { createHmac } from 'node:crypto';
import { ConnectedSocket, MessageBody, SubscribeMessage } from '@nestjs/websockets';
import {
  MemberSocket,
  SocketHandlers,
  type SocketModuleOptions,
  SocketRejectedError,
  SocketService,
} from 'nestjs-switchboard';
import { EventQueue } from '../../../support/event-queue.js';
import { logged, startHost } from '../../../support/hosts.js';

const APP = { id: '7', key: 'the-key', secret: 'the-secret' };
const PUSHER: SocketModuleOptions = { provider: 'pusher', app: APP, pusher: { host: '127.0.0.1', port: 1 } };

const handled = new EventQueue<object>();

@SocketHandlers({ channel: 'presence-orders.{orderId}' })
class OrderHandlers {
  @SubscribeMessage('PLACED')
  placed(@MessageBody() body: unknown, @ConnectedSocket() from: MemberSocket): void {
    from.passOn();
    handled.push({ body, by: from.member.id, order: from.params['orderId'], socketId: from.socketId });
  }

  @SubscribeMessage('REPLIED')
  replied(@ConnectedSocket() from: MemberSocket): void {
    from.emit('REPLY');
  }
}

@SocketHandlers({ allowAnonymous: true })
class AnyHandlers {
  @SubscribeMessage('LOOKED')
  looked(@MessageBody() body: unknown, @ConnectedSocket() from: MemberSocket): void {
    handled.push({ body, isAnonymous: from.isAnonymous, on: from.channel });
  }

  @SubscribeMessage('MEMBERS_ONLY')
  last(): void {
    handled.push({});
  }
}

@SocketHandlers()
class MemberHandlers {
  @SubscribeMessage('OWN')
  own(): void {
    handled.push({ own: true });
  }
}

async function start(options: SocketModuleOptions = {}) {
  const host = await startHost(
    { ...PUSHER, ...options },
    { providers: [OrderHandlers, AnyHandlers, MemberHandlers] },
  );
  const post = async (...events: object[]) => {
    const body = JSON.stringify({
      time_ms: Date.now(),
      events: events.map((event) => ({ name: 'client_event', socket_id: '1.2', ...event })),
    });
    const signature = createHmac('sha256', APP.secret).update(body).digest('hex');
    const headers = { 'X-Pusher-Key': APP.key, 'X-Pusher-Signature': signature };
    const { status } = await fetch(`${host.url}/socket/webhook`, { method: 'POST', body, headers });
    expect(status).toBe(200);
  };
  return { host, post };
}

describe('On hosted Pusher a handler', () => {
  test('gets the client events of the webhooks, with the member where the channel tells it', async () => {
    const { post } = await start();
    await post(
      { channel: 'presence-orders.7', event: 'client-PLACED', data: '{"n":1}', user_id: 'ada' },
      { channel: 'private-x', event: 'client-LOOKED', data: 'no JSON' },
    );
    expect(await handled.next()).toEqual({ body: { n: 1 }, by: 'ada', order: '7', socketId: '1.2' });
    expect(await handled.next()).toEqual({ body: 'no JSON', isAnonymous: true, on: 'private-x' });
  });

  test('gets none of a connection whose member is unknown, unless it allows that, and none of other channels', async () => {
    const { post } = await start();
    await post(
      { channel: 'private-x', event: 'client-OWN', data: '{}' },
      { channel: 'private-x', event: 'client-PLACED', data: '{}' },
      { channel: 'private-x', event: 'client-NO_SUCH', data: '{}' },
      { channel: 'presence-room', event: 'client-OWN', data: '{}', user_id: 'ada' },
    );
    expect(await handled.next()).toEqual({ own: true });
  });

  test('is protected by the same limits', async () => {
    const { post } = await start({ handlers: { limits: { messagesPerSecond: 1 } } });
    const placed = (socketId: string, n: number) => ({
      socket_id: socketId,
      channel: 'presence-orders.7',
      event: 'client-PLACED',
      data: JSON.stringify(n),
      user_id: 'ada',
    });
    await post(placed('1.1', 1), placed('1.1', 2), placed('2.2', 3));
    expect(await handled.next()).toMatchObject({ body: 1 });
    expect(await handled.next()).toMatchObject({ body: 3 });
  });

  test('cannot reply to one page', async () => {
    const errors = logged('error');
    const { post } = await start();
    await post(
      { channel: 'presence-orders.7', event: 'client-REPLIED', user_id: 'ada' },
      { channel: 'presence-orders.7', event: 'client-PLACED', user_id: 'ada' },
    );
    await handled.next();
    expect(errors.lines).toEqual([
      expect.stringContaining('emit("REPLY"): this provider reaches no single connection'),
    ]);
  });
});

test('On hosted Pusher askMember is refused, and says what to do', async () => {
  const { host } = await start();
  const asked = host.app.get(SocketService).askMember('ada', 'STILL_THERE');
  await expect(asked).rejects.toBeInstanceOf(SocketRejectedError);
  await expect(asked).rejects.toThrow(
    'Could not ask member "ada" through "pusher": Pusher carries no answers of browsers to the application. Relay an event, and ' +
      'have the page answer with a request',
  );
});
