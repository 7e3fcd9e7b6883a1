import type { ClientMessage, MessageAnswer, MessageSender } from '../../src/ports/client-messages.js';
import { anError, type EngineClient, EngineSession } from '../support/engine-session.js';

/** An application whose handlers take everything but `UNKNOWN`, and answer what `answer` says. */
function withHandlers(answer: (message: ClientMessage, sender: MessageSender) => MessageAnswer | undefined) {
  const session = new EngineSession({ clientEvents: false });
  const received: ClientMessage[] = [];
  session.engine.connectReceiver({
    takes: (event) => event !== 'UNKNOWN',
    receive: (sender, message) => {
      received.push(message);
      return Promise.resolve(answer(message, sender));
    },
  });
  return { session, received };
}

const echo = ({ payload }: ClientMessage): MessageAnswer => ({ value: payload });

/** Waits for the answers that are on their way. */
const answered = () => new Promise((resolve) => setImmediate(resolve));

function asks(client: EngineClient, data: object): void {
  client.says('switchboard:ask', { id: '1', event: 'X', ...data });
}

describe('switchboard:ask', () => {
  test.each([[{ a: 1 }], [[1]], ['text'], [null], [0]])(
    'is answered with what the handler returned: %j',
    async (payload) => {
      const { session } = withHandlers(echo);
      const ada = session.signsIn('ada');
      asks(ada, { payload });
      await answered();
      expect(ada.hears()).toEqual([{ event: 'switchboard:answer', data: { id: '1', payload } }]);
    },
  );

  test('without a payload is answered without one', async () => {
    const { session, received } = withHandlers(echo);
    const ada = session.signsIn('ada');
    asks(ada, {});
    await answered();
    expect(ada.hears()).toEqual([{ event: 'switchboard:answer', data: { id: '1' } }]);
    expect(received[0]).toMatchObject({
      event: 'X',
      channel: undefined,
      payload: undefined,
      wantsAnswer: true,
    });
    expect(received[0]?.bytes).toBe('{"event":"switchboard:ask","data":{"id":"1","event":"X"}}'.length);
  });

  test('is answered with the error', async () => {
    const error = { code: 'REFUSED', message: 'no', details: { a: 1 } } as const;
    const { session } = withHandlers(() => ({ error }));
    const ada = session.signsIn('ada');
    asks(ada, {});
    await answered();
    expect(ada.hears()).toEqual([{ event: 'switchboard:answer', data: { id: '1', error } }]);
  });

  test('is answered with an error when what the handler returned has no JSON form, and that is logged', async () => {
    const { session } = withHandlers(() => ({ value: 1n }));
    const ada = session.signsIn('ada');
    asks(ada, {});
    await answered();
    expect(ada.hears()).toEqual([
      {
        event: 'switchboard:answer',
        data: { id: '1', error: { code: 'FAILED', message: 'The answer cannot be sent as JSON' } },
      },
    ]);
    expect(session.errors).toHaveLength(1);
  });

  test('is not answered when the receiver says so', async () => {
    const { session } = withHandlers(() => undefined);
    const ada = session.signsIn('ada');
    asks(ada, {});
    await answered();
    expect(ada.hears()).toEqual([]);
  });

  test('on a channel that the client is not on is refused before anybody receives it', async () => {
    const { session, received } = withHandlers(echo);
    const ada = session.signsIn('ada');
    for (const channel of ['private-x', '__proto__', '#server-to-user-bob']) asks(ada, { channel });
    await answered();
    expect(ada.hears().map(({ data }) => data)).toEqual(
      Array.from({ length: 3 }, () => ({
        id: '1',
        error: { code: 'NOT_ON_CHANNEL', message: 'Not subscribed to this channel' },
      })),
    );
    expect(received).toEqual([]);
  });

  test('without handlers is answered with an error', async () => {
    const ada = new EngineSession().signsIn('ada');
    asks(ada, {});
    await answered();
    expect(ada.hears()).toMatchObject([{ data: { id: '1', error: { code: 'UNKNOWN_EVENT' } } }]);
  });

  test.each([
    ['no id', { event: 'X' }],
    ['a long id', { id: 'x'.repeat(65), event: 'X' }],
    ['no event', { id: '1' }],
    ['an event that is no text', { id: '1', event: { a: 1 } }],
    ['a channel that is no text', { id: '1', event: 'X', channel: 7 }],
    ['a list', ['1', 'X']],
    ['a text', 'X'],
  ])('is refused with %s', (_, data) => {
    const { session, received } = withHandlers(echo);
    const ada = session.signsIn('ada');
    ada.says('switchboard:ask', data);
    expect(ada.hears()).toEqual([anError(null)]);
    expect(received).toEqual([]);
  });
});

describe('switchboard:send', () => {
  test('is handled, and not answered', async () => {
    const { session, received } = withHandlers(echo);
    const ada = session.signsIn('ada');
    ada.says('switchboard:send', { event: 'X', payload: 1 });
    await answered();
    expect(ada.hears()).toEqual([]);
    expect(received).toMatchObject([{ event: 'X', payload: 1, wantsAnswer: false }]);
  });

  test.each([
    ['TOO_MANY', 4301],
    ['REFUSED', 4303],
  ] as const)('that is refused with %s is answered with %i', async (code, wireCode) => {
    const { session } = withHandlers(() => ({ error: { code, message: 'why' } }));
    const ada = session.signsIn('ada');
    ada.says('switchboard:send', { event: 'X' });
    await answered();
    expect(ada.hears()).toEqual([anError(wireCode)]);
  });
});

describe('A client event', () => {
  test('that handlers take is received without its prefix, and goes to nobody', async () => {
    const { session, received } = withHandlers(echo);
    const [ada, bob] = [session.joins('private-x'), session.joins('private-x')];
    ada.triggers('private-x', 'client-TYPED', { on: true });
    await answered();
    expect(received).toMatchObject([{ event: 'TYPED', channel: 'private-x', payload: { on: true } }]);
    expect(bob.hears()).toEqual([]);
  });

  test('that they do not take is refused as before', () => {
    const { session, received } = withHandlers(echo);
    const ada = session.joins('private-x');
    ada.triggers('private-x', 'client-UNKNOWN');
    expect(ada.hears()).toEqual([anError(null)]);
    expect(received).toEqual([]);
  });

  test('that is passed on is the client event of its sender, for others, webhooks and metrics', async () => {
    const { session } = withHandlers((message, sender) => {
      sender.passOn(message);
      return { value: undefined };
    });
    const events: unknown[] = [];
    session.events.listen((event) => events.push(event));
    const [ada, bob] = [
      session.joins('presence-x', { user_id: 'ada' }),
      session.joins('presence-x', { user_id: 'bob' }),
    ];
    ada.hears();
    ada.triggers('presence-x', 'client-TYPED', { on: true });
    await answered();
    expect(bob.hears()).toEqual([
      { event: 'client-TYPED', channel: 'presence-x', data: { on: true }, user_id: 'ada' },
    ]);
    expect(ada.hears()).toEqual([]);
    expect(session.engine.counters.clientEvents).toBe(1);
    expect(events).toContainEqual({
      name: 'client_event',
      channel: 'presence-x',
      event: 'client-TYPED',
      data: '{"on":true}',
      socket_id: ada.id,
      user_id: 'ada',
    });
  });
});

describe('The sender of a message', () => {
  test('is who is signed in, else who is present on the channel, else nobody', async () => {
    const members: unknown[] = [];
    const { session } = withHandlers(({ channel }, sender) => {
      members.push(sender.memberOn(channel)?.id);
      return { value: 1 };
    });
    const ada = session.signsIn('ada');
    ada.subscribes('presence-x', { user_id: 'someone' });
    asks(ada, { channel: 'presence-x' });
    const present = session.joins('presence-x', { user_id: 'bob' });
    asks(present, { channel: 'presence-x' });
    asks(present, {});
    await answered();
    expect(members).toEqual(['ada', 'bob', undefined]);
  });

  test('is the same object for every message of a connection, so that limits can be counted', async () => {
    const senders = new Set<MessageSender>();
    const { session } = withHandlers((_, sender) => {
      senders.add(sender);
      return { value: 1 };
    });
    const [ada, bob] = [session.signsIn('ada'), session.signsIn('bob')];
    for (const client of [ada, ada, bob]) asks(client, {});
    await answered();
    expect(senders.size).toBe(2);
  });

  test('is sent nothing once it is gone', async () => {
    let sender: MessageSender | undefined;
    const { session } = withHandlers((_, from) => {
      sender = from;
      return { value: 1 };
    });
    const ada = session.signsIn('ada');
    ada.says('switchboard:send', { event: 'X' });
    ada.isLost();
    await answered();
    sender?.emit('Y', '1');
    sender?.passOn({ event: 'X', channel: 'private-x', payload: 1, bytes: 1, wantsAnswer: false });
    expect(ada.hears()).toEqual([]);
  });
});

test.each(['switchboard:', 'switchboard:other', 'switchboard:ANSWER'])('%j is an unknown event', (event) => {
  const ada = withHandlers(echo).session.signsIn('ada');
  ada.says(event, { id: '1', event: 'X' });
  expect(ada.hears()).toEqual([anError(null)]);
});
