import { once } from 'node:events';
import { Agent, get, type IncomingMessage, request } from 'node:http';
import { AuthorizeChannel, type ChannelAuthorizer } from 'nestjs-switchboard';
import { engineOf } from '../../support/runtime-parts.js';
import { connected, TRANSPORTS } from '../../support/socket-io-browser.js';
import { onTeardown } from '../../support/teardown.js';
import { RawSocketIo } from './raw-socket-io.js';
import { newPage, pageOf, protocolEvent, startHost } from './support.js';

/** The status that a first request is answered with. */
async function statusOf(url: string, headers: Record<string, string> = {}): Promise<number | undefined> {
  const asked = get(`${url}/socket.io/?EIO=4&transport=polling`, { headers, agent: false });
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'close');
  return response.statusCode;
}

/** A client that polls by hand. */
class Poller {
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(
    private readonly url: string,
    readonly sid: string,
  ) {
    onTeardown(() => {
      this.#agent.destroy();
    });
  }

  static async connect(url: string, memberId: string): Promise<Poller> {
    const opened = await (await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).text();
    const { sid } = JSON.parse(opened.slice(1)) as { sid: string };
    const poller = new Poller(url, sid);
    await poller.post(`40{"headers":{"x-member":"${memberId}"}}`);
    await poller.poll();
    return poller;
  }

  async poll(): Promise<string> {
    return (await fetch(this.#address)).text();
  }

  /** @returns the status; `undefined` where the connection was ended without one */
  post(body: string): Promise<number | undefined> {
    return new Promise((resolve) => {
      const asked = request(this.#address, { method: 'POST', agent: this.#agent }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      asked.on('error', () => {
        resolve(undefined);
      });
      asked.end(body);
    });
  }

  get #address(): string {
    return `${this.url}/socket.io/?EIO=4&transport=polling&sid=${this.sid}`;
  }
}

test('more connections than the process may have are answered with 503, on every transport', async () => {
  const host = await startHost({ gateway: { limits: { connections: 2 } } });
  const first = await pageOf(host.url, 'ada');
  await pageOf(host.url, 'ada', { transports: ['polling'] });
  expect(await statusOf(host.url)).toBe(503);
  await expect(RawSocketIo.open(host.url)).rejects.toThrow('503');
  expect(engineOf(host.runtime).counters.refused.counts.get('503')).toBe(2);
  await first.leave();
  while ((await statusOf(host.url)) !== 200) await new Promise(setImmediate);
});

test('a poll that becomes a WebSocket is one connection', async () => {
  const host = await startHost({ gateway: { limits: { connections: 1 } } });
  const page = await pageOf(host.url, 'ada', { transports: ['polling', 'websocket'] });
  if (page.socket.io.engine.transport.name !== 'websocket')
    await new Promise((resolve) => {
      page.socket.io.engine.once('upgrade', resolve);
    });
  await host.client.relayToMember('ada', 'HELLO');
  expect((await page.next()).event).toBe('HELLO');
  expect(await statusOf(host.url)).toBe(503);
});

test('one address may have so many connections', async () => {
  const host = await startHost({ gateway: { limits: { connectionsPerAddress: 1 } } });
  const page = await pageOf(host.url, 'ada', { transports: ['polling'] });
  await expect(RawSocketIo.open(host.url)).rejects.toThrow('503');
  await page.leave();
  while ((await statusOf(host.url)) !== 200) await new Promise(setImmediate);
});

test('pages of other origins are refused, on every transport, and those that are allowed may read the answer', async () => {
  const host = await startHost({ gateway: { allowedOrigins: ['https://*.example.com'] } });
  expect(await statusOf(host.url, { Origin: 'https://evil.example' })).toBe(403);
  await expect(RawSocketIo.open(host.url, { Origin: 'https://evil.example' })).rejects.toThrow('403');
  const url = `${host.url}/socket.io/?EIO=4&transport=polling`;
  const { headers } = await fetch(url, { headers: { Origin: 'https://app.example.com' } });
  expect(headers.get('access-control-allow-origin')).toBe('https://app.example.com');
  expect(headers.get('access-control-allow-credentials')).toBe('true');
  const asked = { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'POST' };
  expect((await fetch(url, { method: 'OPTIONS', headers: asked })).status).toBe(204);
});

test('where any origin is allowed, none may use cookies', async () => {
  const host = await startHost();
  const { headers } = await fetch(`${host.url}/socket.io/?EIO=4&transport=polling`, {
    headers: { Origin: 'https://any.example' },
  });
  expect(headers.get('access-control-allow-origin')).toBe('*');
  expect(headers.get('access-control-allow-credentials')).toBeNull();
});

test('a message that is too long ends its connection, and no other', async () => {
  const host = await startHost({ gateway: { limits: { frameBytes: 1_000 } } });
  const other = await pageOf(host.url, 'alan');
  const client = await RawSocketIo.connect(host.url, 'ada');
  client.send(`42["subscribe","${'x'.repeat(2_000)}"]`);
  expect(await client.closed).toBe(1009);
  const poller = await Poller.connect(host.url, 'ada');
  expect(await poller.post(`42["subscribe","${'x'.repeat(2_000)}"]`)).toBe(413);
  expect(await other.ask('subscribe', 'news')).toEqual({ ok: true });
});

test('too many messages in a second are handled in the next one, in their order, on a WebSocket', async () => {
  const host = await startHost({ gateway: { limits: { messagesPerSecond: 5, channelsPerConnection: 0 } } });
  const page = await pageOf(host.url, 'ada');
  const replies = await Promise.all(
    Array.from({ length: 12 }, (_, n) => page.ask('subscribe', `news-${String(n)}`)),
  );
  expect(replies).toEqual(Array(12).fill({ ok: true }));
  expect(await protocolEvent(page, 'error')).toMatchObject({ payload: { code: 4301 } });
});

test('a polling client that sends too much has its next request wait, and is cut off when it does not', async () => {
  const host = await startHost({ gateway: { limits: { messagesPerSecond: 5 } } });
  const patient = await Poller.connect(host.url, 'alan');
  expect(await patient.post(Array(10).fill('42["unsubscribe","x"]').join('\u001e'))).toBe(200);
  expect(await patient.post('421["subscribe","news"]')).toBe(200);
  let heard = '';
  while (!heard.includes('431[{"ok":true}]')) heard += await patient.poll();
  expect(heard).toContain('"code":4301');

  const poller = await Poller.connect(host.url, 'ada');
  const flood = Array.from({ length: 12 }, (_, n) => `42["subscribe","news-${String(n)}"]`).join('\u001e');
  expect(await poller.post(flood)).toBe(200);
  const held = poller.post('42["subscribe","last"]');
  expect(await Promise.race([held, poller.post('42["subscribe","more"]')])).not.toBe(200);
  expect(await held).not.toBe(200);
  expect(await poller.poll()).not.toContain('last');
});

test('an authorizer is not asked more often than a client may subscribe', async () => {
  let asked = 0;
  @AuthorizeChannel('private-{name}')
  class Counted implements ChannelAuthorizer {
    authorize(): boolean {
      asked++;
      return false;
    }
  }
  const host = await startHost({
    providers: [Counted],
    gateway: { limits: { subscribesPerSecond: 3, messagesPerSecond: 0 } },
  });
  const page = await pageOf(host.url, 'ada');
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, n) => page.ask('subscribe', `private-${String(n)}`)),
  );
  expect(asked).toBe(3);
  expect(replies.filter(({ code }) => code === 4301)).toHaveLength(17);
});

describe('a client that does not read is closed, and costs others nothing', () => {
  const payload = 'x'.repeat(9_000);

  test('on a WebSocket', async () => {
    const host = await startHost({ gateway: { limits: { bufferedBytes: 100_000 } } });
    const [client, other] = [await RawSocketIo.connect(host.url, 'ada'), await pageOf(host.url, 'alan')];
    client.socket.pause();
    while (engineOf(host.runtime).counters.closed.counts.get('slow_reader') === 0) {
      await host.client.relayToMember('ada', 'LOUD', payload);
      await new Promise(setImmediate);
    }
    await host.client.relayToMember('alan', 'HELLO');
    expect((await other.next()).event).toBe('HELLO');
    expect(await host.client.onlineMembers(['ada', 'alan'])).toEqual(new Set(['alan']));
  });

  test('on polling', async () => {
    const host = await startHost({ gateway: { limits: { bufferedBytes: 100_000 } } });
    await Poller.connect(host.url, 'ada');
    for (let n = 0; n < 20; n++) await host.client.relayToMember('ada', 'LOUD', payload);
    while (engineOf(host.runtime).counters.closed.counts.get('slow_reader') === 0)
      await new Promise(setImmediate);
    expect(await host.client.onlineMembers(['ada'])).toEqual(new Set());
  });

  test('also when all that waits for it are answers', async () => {
    const host = await startHost({ gateway: { limits: { bufferedBytes: 5_000, messagesPerSecond: 0 } } });
    const poller = await Poller.connect(host.url, 'ada');
    const asked = Array.from({ length: 100 }, (_, n) => `42${String(n)}["unsubscribe","x"]`).join('\u001e');
    for (let n = 0; n < 20; n++) await poller.post(asked);
    while (engineOf(host.runtime).counters.closed.counts.get('slow_reader') === 0)
      await new Promise(setImmediate);
    expect(engineOf(host.runtime).connections).toBe(0);
  });

  test('but one that reads all of it is not, however much it is', async () => {
    const host = await startHost({ gateway: { limits: { bufferedBytes: 100_000 } } });
    const pages = await Promise.all(
      Object.values(TRANSPORTS).map((transports) => pageOf(host.url, 'ada', { transports: [...transports] })),
    );
    for (let n = 0; n < 60; n++) {
      await host.client.relayToMember('ada', 'LOUD', payload);
      for (const page of pages) expect((await page.next()).event).toBe('LOUD');
    }
    for (let n = 0; n < 300; n++) {
      for (const page of pages) await page.ask('unsubscribe', 'nothing');
    }
    expect(engineOf(host.runtime).counters.closed.counts.get('slow_reader')).toBe(0);
  });
});

test('packets that are none end their connection, and no other', async () => {
  const host = await startHost();
  const other = await pageOf(host.url, 'alan');
  for (const packet of [
    '42["disconnect"]',
    '4x',
    '42{"a":1}',
    '42[',
    '451-["subscribe",{"_placeholder":true,"num":0}]',
    '49',
  ]) {
    const client = await RawSocketIo.connect(host.url, 'ada');
    client.send(packet);
    if (packet.startsWith('45')) client.send('42["subscribe","x"]');
    await client.closed;
  }
  const deep = await RawSocketIo.connect(host.url, 'ada');
  deep.send(`421["client-x",${'['.repeat(20_000)}${']'.repeat(20_000)},"presence-room"]`);
  expect(await deep.next('431')).toBe(
    '431[{"ok":false,"code":null,"message":"The message is nested too deeply"}]',
  );
  expect(await other.ask('subscribe', 'news')).toEqual({ ok: true });
  expect(engineOf(host.runtime).connections).toBe(2);
});

test('clients of the second version of Socket.IO are refused', async () => {
  const host = await startHost();
  const answer = await fetch(`${host.url}/socket.io/?EIO=3&transport=polling`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ message: 'Unsupported protocol version' });
});

test('a transport that the setting leaves out is refused', async () => {
  const host = await startHost({ socketIo: { transports: ['websocket'] } });
  expect(await statusOf(host.url)).toBe(400);
  await connected(newPage(host.url, { auth: { guest: true } }));
});
