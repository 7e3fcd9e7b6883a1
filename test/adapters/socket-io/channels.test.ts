import { AuthorizeChannel, type ChannelAuthorizer } from 'nestjs-switchboard';
import { TRANSPORTS } from '../../support/socket-io-browser.js';
import { pageOf, protocolEvent, startHost } from './support.js';

describe.each(Object.entries(TRANSPORTS))('on %s', (_, transports) => {
  const options = { transports: [...transports] };

  test('the answer to a subscription of a presence channel has its members', async () => {
    const host = await startHost();
    const ada = await pageOf(host.url, 'ada', options);
    expect(await ada.ask('subscribe', 'presence-room')).toEqual({
      ok: true,
      members: [{ id: 'ada', info: { name: 'ADA' } }],
    });
    const alan = await pageOf(host.url, 'alan', options);
    const { members } = await alan.ask('subscribe', 'presence-room');
    expect(members?.map(({ id }) => id).sort()).toEqual(['ada', 'alan']);
    expect(await protocolEvent(ada, 'member_added')).toEqual({
      event: 'pusher:member_added',
      payload: { user_id: 'alan', user_info: { name: 'ALAN' } },
      channel: 'presence-room',
    });
    expect(await alan.ask('unsubscribe', 'presence-room')).toEqual({ ok: true });
    expect(await protocolEvent(ada, 'member_removed')).toEqual({
      event: 'pusher:member_removed',
      payload: { user_id: 'alan' },
      channel: 'presence-room',
    });
  });

  test('the same roster comes as an event too, as with pusher-js', async () => {
    const host = await startHost();
    const page = await pageOf(host.url, 'ada', options);
    page.socket.emit('subscribe', 'presence-room');
    let event = await protocolEvent(page, 'subscription_succeeded');
    if (event.channel === 'broadcast') event = await protocolEvent(page, 'subscription_succeeded');
    expect(event).toEqual({
      event: 'pusher:subscription_succeeded',
      payload: { presence: { ids: ['ada'], hash: { ada: { name: 'ADA' } }, count: 1 } },
      channel: 'presence-room',
    });
  });

  test('an event of a channel carries the channel, and that of a member does not', async () => {
    const host = await startHost();
    const page = await pageOf(host.url, 'ada', options);
    await page.subscribe('private-orders.ada-7');
    await host.client.relayToChannel('private-orders.ada-7', 'SHIPPED', { by: 'sea' });
    await host.client.relayToMember('ada', 'GREETED', 'hello');
    expect(await page.nextWhole()).toEqual({
      event: 'SHIPPED',
      payload: { by: 'sea' },
      channel: 'private-orders.ada-7',
    });
    expect(await page.nextWhole()).toEqual({ event: 'GREETED', payload: 'hello' });
  });

  test('a client event reaches the others on the channel, with the sender', async () => {
    const host = await startHost({ gateway: { clientEvents: true } });
    const [ada, alan] = [await pageOf(host.url, 'ada', options), await pageOf(host.url, 'alan', options)];
    await ada.subscribe('presence-room');
    await alan.subscribe('presence-room');
    expect(await ada.ask('client-said', { text: 'hi' }, 'presence-room')).toEqual({ ok: true });
    await host.client.relayToMember('ada', 'AFTER');
    expect(await alan.nextWhole()).toEqual({
      event: 'client-said',
      payload: { text: 'hi' },
      channel: 'presence-room',
      userId: 'ada',
    });
    expect((await ada.next()).event).toBe('AFTER');
  });
});

test('a refusal is the answer, with the code of the gateway or of the auth endpoint', async () => {
  const host = await startHost({ gateway: { limits: { presenceMembers: 1, channelsPerConnection: 4 } } });
  const [ada, alan] = [await pageOf(host.url, 'ada'), await pageOf(host.url, 'alan')];
  await ada.subscribe('presence-room');
  expect(await alan.ask('subscribe', 'presence-room')).toEqual({
    ok: false,
    code: 4009,
    message: 'The presence channel presence-room is full: 1 members are allowed',
  });
  expect(await alan.ask('subscribe', 'private-orders.ada-7')).toEqual({
    ok: false,
    code: 'CHANNEL_REFUSED',
    message: 'Channel "private-orders.ada-7" is not open to this member',
  });
  expect(await ada.ask('subscribe', 'presence-room')).toEqual({
    ok: false,
    code: null,
    message: 'Existing subscription to channel presence-room',
  });
  expect(await ada.ask('subscribe', 'a b')).toMatchObject({ ok: false, code: null });
  expect(await ada.ask('subscribe', '#server-to-user-alan')).toMatchObject({ ok: false, code: 4009 });
  expect(await ada.ask('subscribe', 'private-encrypted-x')).toMatchObject({
    ok: false,
    code: null,
    message: expect.stringContaining('Encrypted channels need a client that decrypts') as unknown,
  });
  await ada.subscribe('one');
  expect(await ada.ask('subscribe', 'two')).toMatchObject({ ok: false, code: 4100 });
  expect(await ada.ask('client-said', 1, 'presence-room')).toMatchObject({ ok: false, code: null });
});

test('a message that nobody understands is refused, and the connection goes on', async () => {
  const host = await startHost();
  const page = await pageOf(host.url, 'ada');
  const message = 'This application has no handlers of messages';
  expect(await page.ask('chat', 'hello')).toEqual({ ok: false, code: 'UNKNOWN_EVENT', message });
  expect(await page.ask('', 'hello')).toMatchObject({ ok: false, code: null });
  expect(await page.ask('subscribe', 7)).toMatchObject({ ok: false, code: null });
  expect(await page.ask('subscribe')).toMatchObject({ ok: false, code: null });
  expect(await page.ask('client-said', { text: 'no channel' })).toMatchObject({ ok: false });
  expect(await page.ask('subscribe', Buffer.from('room'))).toMatchObject({ ok: false });
  // Without an answer that is wanted, it is an event.
  page.socket.emit('chat');
  expect(await protocolEvent(page, 'error')).toEqual({
    event: 'pusher:error',
    payload: { code: 4303, message: `UNKNOWN_EVENT: ${message}` },
  });
  expect(await page.ask('subscribe', 'news')).toEqual({ ok: true });
});

test('messages are handled in their order, however long an authorizer takes', async () => {
  const waiting: (() => void)[] = [];
  @AuthorizeChannel('private-slow')
  class Slow implements ChannelAuthorizer {
    async authorize(): Promise<boolean> {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return true;
    }
  }
  const host = await startHost({ providers: [Slow] });
  const page = await pageOf(host.url, 'ada');
  const answers: string[] = [];
  const asked = [
    page.ask('subscribe', 'private-slow').then(() => answers.push('slow')),
    page.ask('subscribe', 'news').then(() => answers.push('news')),
    page.ask('unsubscribe', 'private-slow').then(() => answers.push('left')),
  ];
  while (waiting.length === 0) await new Promise(setImmediate);
  // The page is served meanwhile.
  await host.client.relayToMember('ada', 'MEANWHILE');
  expect((await page.next()).event).toBe('MEANWHILE');
  expect(answers).toEqual([]);
  waiting.forEach((go) => {
    go();
  });
  await Promise.all(asked);
  expect(answers).toEqual(['slow', 'news', 'left']);
  expect(await host.engines.subscriptions('private-slow')).toBe(0);
});

test('an authorizer that fails refuses, without a word about the reason', async () => {
  @AuthorizeChannel('private-broken')
  class Broken implements ChannelAuthorizer {
    authorize(): boolean {
      throw new Error('password of the database: 1234');
    }
  }
  const host = await startHost({ providers: [Broken] });
  const page = await pageOf(host.url, 'ada');
  expect(await page.ask('subscribe', 'private-broken')).toEqual({
    ok: false,
    code: null,
    message: 'The message could not be handled',
  });
  expect(await page.ask('subscribe', 'news')).toEqual({ ok: true });
});

test('a member who is removed from a channel is told, and has to come back to ask again', async () => {
  const host = await startHost();
  const page = await pageOf(host.url, 'ada', { reconnectionDelay: 1 });
  await page.subscribe('presence-room');
  await host.client.removeFromChannel('presence-room', 'ada');
  expect(await protocolEvent(page, 'subscription_error')).toMatchObject({
    payload: { status: 403 },
    channel: 'presence-room',
  });
  page.socket.emit('subscribe', 'presence-room');
  expect(await protocolEvent(page, 'closing')).toMatchObject({ payload: { code: 4200 } });
  await protocolEvent(page, 'signin_success');
  expect(await page.ask('subscribe', 'presence-room')).toMatchObject({ ok: true });
});

test('a cache channel gives a newcomer its last event', async () => {
  const host = await startHost();
  const first = await pageOf(host.url, 'ada');
  await first.subscribe('cache-price');
  expect(await protocolEvent(first, 'cache_miss')).toMatchObject({ channel: 'cache-price' });
  await host.client.relayToChannel('cache-price', 'PRICED', { euro: 7 });
  const second = await pageOf(host.url, 'alan');
  await second.subscribe('cache-price');
  expect(await second.nextWhole()).toEqual({
    event: 'PRICED',
    payload: { euro: 7 },
    channel: 'cache-price',
  });
});

test('the events of one turn arrive in their order, on every transport', async () => {
  const host = await startHost();
  const pages = await Promise.all(
    Object.values(TRANSPORTS).map((transports) => pageOf(host.url, 'ada', { transports: [...transports] })),
  );
  const texts = ['plain', '\u001e4', '42["X"]', 'ü€😀', 'x'.repeat(2_000)];
  for (let turn = 0; turn < 3; turn++) {
    await Promise.all([
      ...texts.map((text, n) => host.client.relayToMember('ada', `E${String(n)}`, { text, turn })),
      host.client.broadcast('ALL', { turn }),
    ]);
  }
  for (const page of pages)
    for (let turn = 0; turn < 3; turn++) {
      for (const [n, text] of texts.entries())
        expect(await page.next()).toEqual({ event: `E${String(n)}`, payload: { text, turn } });
      expect(await page.next()).toEqual({ event: 'ALL', payload: { turn } });
    }
});
