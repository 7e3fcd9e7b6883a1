import { randomBytes } from 'node:crypto';
import { jest } from '@jest/globals';
import type { ConnectOptions, SwitchboardSocket } from 'nestjs-switchboard/browser';
import type { Channel, Members } from 'pusher-js';
import nacl from 'tweetnacl';
import { type Pusher, subscribed } from '../../support/pusher-browser.js';
import { onTeardown } from '../../support/teardown.js';
import { connected } from '../backends.js';
import { Heard } from './heard.js';
import { OWN, ScriptedBackend } from './scripted.js';

const ORDERS = 'private-orders';

interface Page {
  readonly backend: ScriptedBackend;
  readonly socket: SwitchboardSocket<Pusher>;
  /** The events of the channel {@link ORDERS}, and the gaps, in the order in which the page is told. */
  readonly heard: Heard;
  readonly orders: Channel;
}

/** A page that is on the channel of orders. */
async function pageOn(backend: ScriptedBackend, options: ConnectOptions = {}, since?: string): Promise<Page> {
  const socket = await connected({ url: backend.url, ...options });
  const heard = new Heard();
  socket.onGap((channel, reason) => {
    heard.hear(`${channel}: ${reason}`);
  });
  const orders = socket.channel(ORDERS, { since });
  orders.bind('PAID', heard.hear);
  await subscribed(orders);
  return { backend, socket, heard, orders };
}

/** The page is connected again, and on its channel. */
function back({ orders, socket }: Page): Promise<unknown> {
  return new Promise((resolve) => {
    const { connection } = socket.pusher;
    connection.bind('connecting', () => {
      orders.bind('pusher:subscription_succeeded', resolve);
    });
  });
}

async function reconnect(page: Page): Promise<void> {
  const isBack = back(page);
  page.backend.cut();
  await isBack;
}

/** A storage as browsers have it. */
function storage() {
  const items = new Map<string, string>();
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
}

test('a page hears the events of the time when it was away, once and in order, before newer ones', async () => {
  const page = await pageOn(await ScriptedBackend.start());
  const { backend, heard } = page;
  backend.publish(ORDERS, 'PAID', 1);
  await heard.until(1);
  backend.holdsQuestions = true;
  const isBack = back(page);
  backend.cut();
  backend.publish(ORDERS, 'PAID', 2);
  backend.publish(ORDERS, 'PAID', 3);
  await isBack;
  const question = await backend.questions.next();
  backend.publish(ORDERS, 'PAID', 4);
  // The answer has what was heard meanwhile, too.
  question.answer();
  backend.publish(ORDERS, 'PAID', 5);
  expect(await heard.until(5)).toEqual([1, 2, 3, 4, 5]);
  expect(backend.askedFrom).toHaveLength(1);
});

test('a page that has missed nothing asks nothing', async () => {
  const page = await pageOn(await ScriptedBackend.start());
  page.backend.publish(ORDERS, 'PAID', 1);
  await page.heard.until(1);
  await reconnect(page);
  page.backend.publish(ORDERS, 'PAID', 2);
  expect(await page.heard.until(2)).toEqual([1, 2]);
  expect(page.backend.askedFrom).toEqual([]);
});

test('many missed events come in several answers', async () => {
  const page = await pageOn(await ScriptedBackend.start());
  page.backend.pageEvents = 2;
  page.backend.cut();
  for (const n of [1, 2, 3, 4, 5]) page.backend.publish(ORDERS, 'PAID', n);
  expect(await page.heard.until(5)).toEqual([1, 2, 3, 4, 5]);
  expect(page.backend.askedFrom.map((position) => position.split('.')[1])).toEqual(['0', '2', '4']);
});

test('a page that is cut while it catches up begins again where it was', async () => {
  const page = await pageOn(await ScriptedBackend.start());
  const { backend, heard } = page;
  backend.pageEvents = 1;
  backend.holdsQuestions = true;
  backend.cut();
  for (const n of [1, 2, 3]) backend.publish(ORDERS, 'PAID', n);
  (await backend.questions.next()).answer();
  await heard.until(1);
  await backend.questions.next();
  backend.publish(ORDERS, 'PAID', 4);
  backend.cut();
  backend.holdsQuestions = false;
  expect(await heard.until(4)).toEqual([1, 2, 3, 4]);
});

test('events that the gateway itself has lost are caught up in the same connection', async () => {
  const { backend, heard } = await pageOn(await ScriptedBackend.start());
  backend.publish(ORDERS, 'PAID', 1);
  backend.publish(ORDERS, 'PAID', 2, { isLost: true });
  backend.publish(ORDERS, 'PAID', 3);
  expect(await heard.until(3)).toEqual([1, 2, 3]);
});

test('messages say which events were caught up', async () => {
  const page = await pageOn(await ScriptedBackend.start());
  const messages = new Heard();
  page.socket.pusher.connection.bind('message', (message: { event: string }) => {
    if (message.event === 'PAID') messages.hear(message);
  });
  page.backend.cut();
  page.backend.publish(ORDERS, 'PAID', { id: 1 });
  await messages.until(1);
  page.backend.publish(ORDERS, 'PAID');
  expect(await messages.until(2)).toEqual([
    { event: 'PAID', channel: ORDERS, data: { id: 1 }, caughtUp: true },
    { event: 'PAID', channel: ORDERS, data: undefined },
  ]);
});

describe('a member’s own events and broadcasts', () => {
  test('are caught up too', async () => {
    const backend = await ScriptedBackend.start();
    const socket = await connected({ url: backend.url });
    const [mine, all] = [new Heard(), new Heard()];
    socket.onMember('TEST_TICKED', mine.hear);
    socket.onBroadcast('TEST_TICKED', all.hear);
    backend.publish(OWN, 'TEST_TICKED', 1);
    backend.publish('broadcast', 'TEST_TICKED', 1);
    await Promise.all([mine.until(1), all.until(1)]);
    backend.cut();
    backend.publish(OWN, 'TEST_TICKED', 2);
    backend.publish('broadcast', 'TEST_TICKED', 2);
    expect(await mine.until(2)).toEqual([1, 2]);
    expect(await all.until(2)).toEqual([1, 2]);
  });

  test('are told of as `members` and `broadcast` when they are lost', async () => {
    const backend = await ScriptedBackend.start();
    const socket = await connected({ url: backend.url });
    const gaps = new Heard();
    socket.onGap((channel) => {
      gaps.hear(channel);
    });
    backend.restart(OWN);
    await gaps.until(1);
    backend.restart('broadcast');
    expect(await gaps.until(2)).toEqual(['members', 'broadcast']);
  });
});

describe('an event that is left out for this page', () => {
  test('is no reason to ask, and is not heard', async () => {
    const { backend, heard, socket } = await pageOn(await ScriptedBackend.start());
    backend.publish(ORDERS, 'PAID', 1, { exceptSocketId: socket.pusher.connection.socket_id });
    backend.publish(ORDERS, 'PAID', 2);
    expect(await heard.until(1)).toEqual([2]);
    expect(backend.askedFrom).toEqual([]);
  });

  test('is not heard later either, after a reconnect', async () => {
    const page = await pageOn(await ScriptedBackend.start());
    const { backend, heard, socket } = page;
    const former = socket.pusher.connection.socket_id;
    backend.cut();
    backend.publish(ORDERS, 'PAID', 1, { exceptSocketId: former });
    backend.publish(ORDERS, 'PAID', 2);
    expect(await heard.until(1)).toEqual([2]);
    expect(backend.forms[0]?.['socket_id']).toBe(`${former},${socket.pusher.connection.socket_id}`);
  });
});

describe('a page is told once, before newer events, that it has missed some for good', () => {
  test('when the log does not reach back', async () => {
    const page = await pageOn(await ScriptedBackend.start());
    page.backend.holdsQuestions = true;
    page.backend.cut();
    for (const n of [1, 2, 3]) page.backend.publish(ORDERS, 'PAID', n);
    page.backend.trim(ORDERS, 1);
    const question = await page.backend.questions.next();
    page.backend.publish(ORDERS, 'PAID', 4);
    question.answer();
    expect(await page.heard.until(2)).toEqual([`${ORDERS}: trimmed`, 4]);
  });

  test('when the log began anew', async () => {
    const { backend, heard } = await pageOn(await ScriptedBackend.start());
    backend.publish(ORDERS, 'PAID', 1);
    backend.restart(ORDERS);
    backend.publish(ORDERS, 'PAID', 2);
    expect(await heard.until(3)).toEqual([1, `${ORDERS}: restarted`, 2]);
  });

  test('when the endpoint refuses the member', async () => {
    const page = await pageOn(await ScriptedBackend.start());
    page.backend.holdsQuestions = true;
    page.backend.cut();
    page.backend.publish(ORDERS, 'PAID', 1);
    (await page.backend.questions.next()).answer(403, { message: 'no' });
    page.backend.publish(ORDERS, 'PAID', 2);
    expect(await page.heard.until(2)).toEqual([`${ORDERS}: refused`, 2]);
  });

  test('when the subscription is refused after a reconnect; once it is admitted again, it begins anew', async () => {
    const page = await pageOn(await ScriptedBackend.start());
    const { backend, heard, orders } = page;
    backend.refused.add(ORDERS);
    const refusal = new Promise((resolve) => orders.bind('pusher:subscription_error', resolve));
    backend.cut();
    backend.publish(ORDERS, 'PAID', 1);
    await refusal;
    expect(heard.all).toEqual([`${ORDERS}: refused`]);
    backend.refused.clear();
    await reconnect(page);
    backend.publish(ORDERS, 'PAID', 2);
    expect(await heard.until(2)).toEqual([`${ORDERS}: refused`, 2]);
  });

  test('when the backend cannot be asked until `timeoutMs` is over', async () => {
    const page = await pageOn(await ScriptedBackend.start(), { timeoutMs: 1_500 });
    page.backend.holdsQuestions = true;
    page.backend.cut();
    page.backend.publish(ORDERS, 'PAID', 1);
    const refuse = async (): Promise<void> => {
      (await page.backend.questions.next()).answer(503, {});
      return refuse();
    };
    void refuse();
    expect(await page.heard.until(1)).toEqual([`${ORDERS}: unreachable`]);
    page.backend.publish(ORDERS, 'PAID', 2);
    expect(await page.heard.until(2)).toEqual([`${ORDERS}: unreachable`, 2]);
  });

  test('on the console, where it has no handler', async () => {
    const warned = new Heard();
    const warn = jest.spyOn(console, 'warn').mockImplementation(warned.hear);
    onTeardown(() => {
      warn.mockRestore();
    });
    const backend = await ScriptedBackend.start();
    await connected({ url: backend.url });
    backend.restart('broadcast');
    expect(await warned.until(1)).toEqual([expect.stringContaining('"broadcast" for good (restarted)')]);
  });
});

test('a failure of the backend that passes is waited for', async () => {
  const page = await pageOn(await ScriptedBackend.start());
  page.backend.holdsQuestions = true;
  page.backend.cut();
  page.backend.publish(ORDERS, 'PAID', 1);
  (await page.backend.questions.next()).answer(503, {});
  (await page.backend.questions.next()).answer();
  expect(await page.heard.until(1)).toEqual([1]);
});

describe('with a storage', () => {
  test('a page that is loaded again goes on where it left, and hears all of it in handlers that it binds at once', async () => {
    const backend = await ScriptedBackend.start();
    const kept = storage();
    const first = await connected({ url: backend.url, storage: kept });
    const heard = new Heard();
    first.onMember('TEST_TICKED', heard.hear);
    backend.publish(OWN, 'TEST_TICKED', 1);
    await heard.until(1);
    first.disconnect();
    backend.publish(OWN, 'TEST_TICKED', 2);
    const second = await connected({ url: backend.url, storage: kept });
    second.onMember('TEST_TICKED', heard.hear);
    backend.publish(OWN, 'TEST_TICKED', 3);
    expect(await heard.until(3)).toEqual([1, 2, 3]);
  });

  test('a page that comes back too late is told', async () => {
    const backend = await ScriptedBackend.start();
    const kept = storage();
    (await pageOn(backend, { storage: kept })).socket.disconnect();
    for (const n of [1, 2]) backend.publish(ORDERS, 'PAID', n);
    backend.trim(ORDERS, 1);
    const { heard } = await pageOn(backend, { storage: kept });
    expect(await heard.until(1)).toEqual([`${ORDERS}: trimmed`]);
  });

  test('that answers later, newer events wait for it', async () => {
    const backend = await ScriptedBackend.start();
    const kept = storage();
    (await pageOn(backend, { storage: kept })).socket.disconnect();
    backend.publish(ORDERS, 'PAID', 1);
    let find: () => void = () => undefined;
    const isFound = new Promise<void>((resolve) => (find = resolve));
    const slow = {
      getItem: (key: string) => isFound.then(() => kept.getItem(key)),
      setItem: async (key: string, value: string) => {
        await new Promise((resolve) => setImmediate(resolve));
        kept.setItem(key, value);
      },
      removeItem: kept.removeItem,
    };
    const { heard } = await pageOn(backend, { storage: slow });
    backend.publish(ORDERS, 'PAID', 2);
    find();
    expect(await heard.until(2)).toEqual([1, 2]);
  });

  test('that fails, everything but the storage works, and the console is told once', async () => {
    const warned = new Heard();
    const warn = jest.spyOn(console, 'warn').mockImplementation(warned.hear);
    onTeardown(() => {
      warn.mockRestore();
    });
    const full = () => {
      throw new Error('the quota is exceeded');
    };
    const page = await pageOn(await ScriptedBackend.start(), {
      storage: { getItem: full, setItem: full, removeItem: full },
    });
    page.backend.publish(ORDERS, 'PAID', 1);
    await page.heard.until(1);
    page.backend.cut();
    page.backend.publish(ORDERS, 'PAID', 2);
    expect(await page.heard.until(2)).toEqual([1, 2]);
    expect(warned.all).toEqual([expect.stringContaining('the quota is exceeded')]);
  });

  test('a value that is no position counts as none', async () => {
    const backend = await ScriptedBackend.start();
    backend.publish(ORDERS, 'PAID', 1);
    const kept = storage();
    kept.setItem(`switchboard:${backend.url}/socket:${ORDERS}`, 'yesterday');
    const { heard } = await pageOn(backend, { storage: kept });
    backend.publish(ORDERS, 'PAID', 2);
    expect(await heard.until(1)).toEqual([2]);
    expect(backend.askedFrom).toEqual([]);
  });

  test('two tabs, each with its own, hear everything, each for itself', async () => {
    const backend = await ScriptedBackend.start();
    const tabs = [
      await pageOn(backend, { storage: storage() }),
      await pageOn(backend, { storage: storage() }),
    ];
    backend.publish(ORDERS, 'PAID', 1);
    await Promise.all(tabs.map(({ heard }) => heard.until(1)));
    backend.cut();
    backend.publish(ORDERS, 'PAID', 2);
    for (const { heard } of tabs) expect(await heard.until(2)).toEqual([1, 2]);
  });
});

describe('with a position that an answer of the backend carried', () => {
  test('a channel begins there', async () => {
    const backend = await ScriptedBackend.start();
    const since = backend.positionOf(ORDERS);
    backend.publish(ORDERS, 'PAID', 1);
    const { heard } = await pageOn(backend, {}, since);
    expect(await heard.until(1)).toEqual([1]);
  });

  test('the channels of `connect` begin there, under the names that pages have for them', async () => {
    const backend = await ScriptedBackend.start();
    const since = {
      members: backend.positionOf(OWN),
      broadcast: backend.positionOf('broadcast'),
      [ORDERS]: backend.positionOf(ORDERS),
    };
    for (const channel of [OWN, 'broadcast', ORDERS]) backend.publish(channel, 'TEST_TICKED', channel);
    const socket = await connected({ url: backend.url, since });
    const heard = new Heard();
    socket.onMember('TEST_TICKED', heard.hear);
    socket.onBroadcast('TEST_TICKED', heard.hear);
    socket.channel(ORDERS).bind('TEST_TICKED', heard.hear);
    expect([...(await heard.until(3))].sort()).toEqual([OWN, 'broadcast', ORDERS]);
  });

  test('that lies after the live one, the backend decides: here its log is another one', async () => {
    const backend = await ScriptedBackend.start();
    const [epoch = ''] = backend.positionOf(ORDERS).split('.');
    for (const since of ['former.7', `${epoch}.7`]) {
      const { heard } = await pageOn(backend, {}, since);
      expect(await heard.until(1)).toEqual([`${ORDERS}: restarted`]);
    }
  });

  test('that is none, it is refused', async () => {
    const backend = await ScriptedBackend.start();
    await expect(connected({ url: backend.url, since: { members: 'now' } })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('since["members"]: "now" is not allowed') as unknown,
    });
    const socket = await connected({ url: backend.url });
    expect(() => socket.channel(ORDERS, { since: '7' })).toThrow('channel("private-orders", { since }): "7"');
  });
});

describe('a page that has left a channel', () => {
  test('begins anew when it comes back to it, also with a storage', async () => {
    const page = await pageOn(await ScriptedBackend.start(), { storage: storage() });
    const { backend, heard, socket } = page;
    backend.publish(ORDERS, 'PAID', 1);
    await heard.until(1);
    socket.pusher.unsubscribe(ORDERS);
    backend.publish(ORDERS, 'PAID', 2);
    const again = socket.channel(ORDERS);
    again.bind('PAID', heard.hear);
    await subscribed(again);
    backend.publish(ORDERS, 'PAID', 3);
    expect(await heard.until(2)).toEqual([1, 3]);
  });

  test('hears nothing more of what it was catching up with', async () => {
    const page = await pageOn(await ScriptedBackend.start());
    const { backend, heard, socket, orders } = page;
    backend.cut();
    for (const n of [1, 2, 3]) backend.publish(ORDERS, 'PAID', n);
    orders.bind('PAID', (n: number) => {
      if (n === 2) socket.pusher.unsubscribe(ORDERS);
    });
    const last = new Heard();
    socket.onBroadcast('TEST_TICKED', last.hear);
    await heard.until(2);
    backend.publish('broadcast', 'TEST_TICKED', 1);
    await last.until(1);
    expect(heard.all).toEqual([1, 2]);
  });
});

test('a cached event that the page has is not handed on again', async () => {
  const backend = await ScriptedBackend.start();
  const socket = await connected({ url: backend.url });
  const heard = new Heard();
  backend.publish('cache-rates', 'PAID', 1);
  const rates = socket.channel('cache-rates');
  rates.bind('PAID', heard.hear);
  await heard.until(1);
  backend.publish('cache-rates', 'PAID', 2);
  await heard.until(2);
  backend.cut();
  for (const n of [3, 4]) backend.publish('cache-rates', 'PAID', n);
  expect(await heard.until(4)).toEqual([1, 2, 3, 4]);
  backend.cut();
  backend.publish('cache-rates', 'PAID', 5);
  expect(await heard.until(5)).toEqual([1, 2, 3, 4, 5]);
});

test('the roster of a presence channel is known before the events that are caught up', async () => {
  const backend = await ScriptedBackend.start();
  const socket = await connected({ url: backend.url });
  const room = socket.channel('presence-room');
  await subscribed(room);
  const heard = new Heard();
  room.bind('pusher:subscription_succeeded', ({ count }: Members) => {
    heard.hear(`${String(count)} here`);
  });
  room.bind('SAID', heard.hear);
  backend.cut();
  backend.publish('presence-room', 'SAID', 'hello');
  expect(await heard.until(2)).toEqual(['1 here', 'hello']);
});

test('client events keep their place among the events that wait, and do not count', async () => {
  const page = await pageOn(await ScriptedBackend.start());
  const { backend, heard, orders } = page;
  orders.bind('client-typing', heard.hear);
  backend.holdsQuestions = true;
  backend.cut();
  backend.publish(ORDERS, 'PAID', 1);
  const question = await backend.questions.next();
  backend.publish(ORDERS, 'PAID', 2);
  backend.frame(ORDERS, 'client-typing', { is: 'typing' });
  question.answer();
  backend.publish(ORDERS, 'PAID', 3);
  expect(await heard.until(4)).toEqual([1, 2, { is: 'typing' }, 3]);
});

test.each([
  ['of a gateway', false],
  ['of a provider with envelopes', true],
])('encrypted events %s are caught up encrypted, and heard in the clear', async (_, hasPositions) => {
  const channel = 'private-encrypted-desk';
  const backend = await ScriptedBackend.start();
  const key = randomBytes(32);
  backend.sharedSecret = key.toString('base64');
  const encrypted = (payload: unknown, position?: string) => {
    const nonce = randomBytes(24);
    const ciphertext = nacl.secretbox(Buffer.from(JSON.stringify(payload)), nonce, key);
    return {
      nonce: nonce.toString('base64'),
      ciphertext: Buffer.from(ciphertext).toString('base64'),
      position,
    };
  };
  if (hasPositions) {
    backend.enveloped = ['private-encrypted-{desk}'];
    backend.envelope = (position, data = '') => JSON.stringify({ ...(JSON.parse(data) as object), position });
  }
  const socket = await connected({ url: backend.url });
  const desk = socket.channel(channel);
  await subscribed(desk);
  const heard = new Heard();
  desk.bind('PAID', heard.hear);
  backend.publish(channel, 'PAID', encrypted({ id: 1 }));
  await heard.until(1);
  backend.cut();
  backend.publish(channel, 'PAID', encrypted({ id: 2 }));
  expect(await heard.until(2)).toEqual([{ id: 1 }, { id: 2 }]);
});

describe('over a provider with envelopes', () => {
  async function enveloping(): Promise<ScriptedBackend> {
    const backend = await ScriptedBackend.start();
    backend.enveloped = ['members', 'broadcast', 'private-{kind}'];
    backend.envelope = (position, data) =>
      `{"switchboard":{"position":"${position}"}${data === undefined ? '' : `,"payload":${data}`}}`;
    return backend;
  }

  test('a page gets payloads without their envelopes, and catches up', async () => {
    const page = await pageOn(await enveloping());
    const { backend, heard } = page;
    backend.publish(ORDERS, 'PAID', { id: 1 });
    backend.publish(ORDERS, 'PAID');
    await heard.until(2);
    backend.cut();
    backend.publish(ORDERS, 'PAID', 3);
    expect(await heard.until(3)).toEqual([{ id: 1 }, undefined, 3]);
  });

  test('events that overtook each other are put in order, and one that is lost is asked for', async () => {
    const { backend, heard } = await pageOn(await enveloping());
    backend.publish(ORDERS, 'PAID', 1);
    await heard.until(1);
    const [epoch] = backend.positionOf(ORDERS).split('.');
    const send = (offset: number) => {
      backend.frame(ORDERS, 'PAID', {
        switchboard: { position: `${String(epoch)}.${String(offset)}` },
        payload: offset,
      });
    };
    for (const offset of [2, 3, 4, 5]) backend.publish(ORDERS, 'PAID', offset, { isLost: true });
    for (const offset of [3, 2, 2, 5]) send(offset);
    expect(await heard.until(5)).toEqual([1, 2, 3, 4, 5]);
  });
});
