import { connect } from 'nestjs-switchboard/browser';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { EventQueue } from '../support/event-queue.js';
import { Pusher } from '../support/pusher-browser.js';
import { type ReferenceBackend, startReferenceBackend } from '../support/reference-backend.js';

/** A member's browser, however it is connected. */
interface Browser {
  next(): Promise<{ event: string; payload: unknown }>;
  ended(): Promise<void>;
}

/** The two ways to run one scenario; nothing but the environment differs for the application. */
const ways = {
  memory: async () => {
    const backend = await startReferenceBackend({ SOCKET_PROVIDER: 'memory' }, [SocketTestingModule]);
    const fake = backend.app.get(SocketFake);
    const open = async (memberId: string): Promise<Browser> => {
      const member = await fake.connect(memberId);
      let taken = 0;
      return {
        next: async () => {
          await fake.settled();
          const event = member.received[taken++];
          if (event === undefined) throw new Error(`nothing reached "${memberId}"`);
          return { event: event.event, payload: event.payload };
        },
        ended: async () => {
          await fake.settled();
          expect(member).toBeDisconnected();
        },
      };
    };
    return { backend, open };
  },

  ws: async () => {
    const backend = await startReferenceBackend({ SOCKET_PROVIDER: 'ws' });
    const open = async (memberId: string): Promise<Browser> => {
      const headers = await backend.signIn(memberId);
      const { pusher } = await connect(Pusher, { url: backend.url, headers });
      const events = new EventQueue<{ event: string; payload: unknown }>();
      pusher.bind_global((event: string, payload: unknown) => {
        if (!event.startsWith('pusher:')) events.push({ event, payload });
      });
      const ended = new Promise<void>((resolve) => {
        pusher.connection.bind('disconnected', () => {
          resolve();
        });
      });
      onTestEnd.push(() => {
        pusher.disconnect();
      });
      return { next: () => events.next(), ended: () => ended };
    };
    return { backend, open };
  },
};

const onTestEnd: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of onTestEnd.splice(0).reverse()) await undo();
});

describe.each(['memory', 'ws'] as const)('over %s', (provider) => {
  let backend: ReferenceBackend;
  let open: (memberId: string) => Promise<Browser>;

  beforeEach(async () => {
    ({ backend, open } = await ways[provider]());
    onTestEnd.push(() => backend.close());
  });

  test('a deactivated member is told in every tab, disconnected, and cannot sign in again; others are not', async () => {
    const tabs = [await open('ada'), await open('ada')];
    const other = await open('alan');

    const answer = await backend.call('POST', '/members/ada/deactivate');
    expect(answer).toMatchObject({ status: 200, body: { id: 'ada', status: 'deactivated' } });

    for (const tab of tabs) {
      expect(await tab.next()).toEqual({
        event: 'MEMBER_DEACTIVATED',
        payload: {
          memberId: 'ada',
          occurredAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
        },
      });
      await tab.ended();
    }
    expect(await backend.call('POST', '/session', { memberId: 'ada' })).toMatchObject({ status: 403 });
    await backend.call('POST', '/broadcast', { message: 'still here?' });
    expect(await other.next()).toEqual({ event: 'ANNOUNCED', payload: { message: 'still here?' } });
  });

  test('a message reaches the member it is for and says who sent it', async () => {
    const [ada, alan] = [await open('ada'), await open('alan')];
    const answer = await backend.call(
      'POST',
      '/members/alan/messages',
      { text: '123' },
      await backend.signIn('ada'),
    );
    expect(answer).toMatchObject({ status: 202, body: { status: 'sent' } });
    expect(await alan.next()).toEqual({ event: 'MEMBER_MESSAGED', payload: { from: 'ada', text: '123' } });
    await backend.call('POST', '/broadcast', { message: 'done' });
    expect(await ada.next()).toEqual({ event: 'ANNOUNCED', payload: { message: 'done' } });
  });

  test('the list of members says who is online', async () => {
    await open('grace');
    const { body } = await backend.call('GET', '/members');
    expect(body).toEqual(
      expect.arrayContaining([
        { id: 'grace', name: 'Grace Hopper', status: 'active', online: true },
        { id: 'linus', name: 'Linus Torvalds', status: 'active', online: false },
      ]),
    );
  });
});
