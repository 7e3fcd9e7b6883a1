import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { AuthorizeChannel, SocketService } from 'nestjs-switchboard';
import { connect, ConnectError, type ConnectOptions } from 'nestjs-switchboard/browser';
import { EventQueue } from '../support/event-queue.js';
import { rejection, startHost } from '../support/hosts.js';
import { Line } from '../support/line.js';
import { subscribed } from '../support/pusher-browser.js';
import { answering, changedConfigOf, connected, frontOf, ReleasedPusher, startServer } from './backends.js';

const ALICE = { 'x-member': 'alice' };

async function failure(options: ConnectOptions): Promise<ConnectError> {
  const error = await rejection(connect(ReleasedPusher, { headers: ALICE, ...options }));
  if (error instanceof ConnectError) return error;
  throw error;
}

/** A backend whose `path` answers one after the other what is given, or never, and then what the host answers. */
async function stumbling(path: string, stumbles: (number | 'never' | 'broken')[], headers = {}) {
  const host = await startHost({ provider: 'ws' }, { providers: [Anything] });
  const asked: number[] = [];
  const url = await frontOf(host, (request, response) => {
    if (request.url !== path) return false;
    asked.push(Date.now());
    const stumble = stumbles.shift();
    if (stumble === 'broken') response.destroy();
    if (typeof stumble === 'number') response.writeHead(stumble, headers).end('{"message":"not now"}');
    return stumble !== undefined;
  });
  return { host, url, asked };
}

@AuthorizeChannel('private-{any}')
class Anything {
  authorize(): boolean {
    return true;
  }
}

describe('a request that never gets an answer ends after `requestTimeoutMs`, in words', () => {
  test.each(['/socket/config', '/socket/user-auth'])('%s', async (path) => {
    const { url } = await stumbling(path, ['never', 'never', 'never', 'never']);
    const error = await failure({ url, requestTimeoutMs: 400, timeoutMs: 1_500 });
    expect(error).toMatchObject({ code: 'BACKEND_UNREACHABLE', retryable: true, url: url + path });
    expect(error.message).toBe(`${url + path} did not answer in 0.4 s`);
  });

  test('also where the answer begins and does not end', async () => {
    const url = await startServer((_, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' }).write('{');
    });
    expect((await failure({ url, requestTimeoutMs: 100, timeoutMs: 200 })).message).toMatch(
      /did not answer in 0.1 s/,
    );
  });

  test('also where the application’s headers() do not return', async () => {
    const headers = () => new Promise<never>(() => undefined);
    const error = await failure({ url: 'http://127.0.0.1', headers, requestTimeoutMs: 100, timeoutMs: 200 });
    expect(error).toMatchObject({ code: 'HEADERS_FAILED', message: 'headers() did not return in 0.1 s' });
  });

  test('also where a browser’s fetch does not heed the signal that is to end it', async () => {
    const { fetch } = globalThis;
    globalThis.fetch = () => new Promise(() => undefined);
    try {
      const error = await failure({ url: 'http://127.0.0.1', requestTimeoutMs: 100, timeoutMs: 200 });
      expect(error.code).toBe('BACKEND_UNREACHABLE');
    } finally {
      globalThis.fetch = fetch;
    }
  });
});

test('a gateway that accepts a connection and never says a word is given up after `timeoutMs`, in words', async () => {
  const host = await startHost({ provider: 'ws' });
  const silent = await startServer(() => undefined);
  const wsPort = Number(new URL(silent).port);
  const url = await changedConfigOf(host, ({ options, ...rest }) => ({
    ...rest,
    options: { ...options, wsPort },
  }));
  const error = await failure({ url, timeoutMs: 400 });
  expect(error).toMatchObject({ code: 'GATEWAY_UNREACHABLE', retryable: true });
  expect(error.message).toMatch(/^ws:\S+ cannot be reached, or let nobody in for 0.4 s/);
});

describe('a failure that can pass is tried again', () => {
  test.each([
    ['/socket/config', [503, 'broken', 'never'] as const],
    ['/socket/user-auth', [429, 'broken', 'never'] as const],
  ])('at %s', async (path, stumbles) => {
    const { url, asked } = await stumbling(path, [...stumbles]);
    const socket = await connected({ url, headers: ALICE, requestTimeoutMs: 300 });
    expect(socket.pusher.connection.state).toBe('connected');
    expect(asked).toHaveLength(4);
  });

  test('at the headers of the application', async () => {
    const host = await startHost({ provider: 'ws' });
    let calls = 0;
    const headers = async () => {
      if (++calls === 1) throw new Error('the token server is away');
      return ALICE;
    };
    const socket = await connected({ url: host.url, headers });
    expect(socket.pusher.user.user_data).toMatchObject({ id: 'alice' });
    const error = await failure({
      url: host.url,
      headers: () => Promise.reject(new Error('away')),
      timeoutMs: 100,
    });
    expect(error).toMatchObject({
      code: 'HEADERS_FAILED',
      message: 'headers() failed: away',
      retryable: true,
    });
  });

  test('at a channel, for as long as the connection lives; and its handlers are told after `timeoutMs`', async () => {
    const { url } = await stumbling('/socket/auth', [500, 500, 500, 500]);
    const socket = await connected({ url, headers: ALICE, timeoutMs: 1_000 });
    const channel = socket.channel('private-x');
    const [told] = await Promise.all([
      new Promise((resolve) => channel.bind('pusher:subscription_error', resolve)),
      new Promise((resolve) => channel.bind('pusher:subscription_succeeded', resolve)),
    ]);
    expect(told).toMatchObject({ status: 500, cause: { code: 'BACKEND_FAILED', retryable: true } });
  });

  test('not before `Retry-After` says, and not at all where that is later than `timeoutMs`', async () => {
    const { url, asked } = await stumbling('/socket/config', [429], { 'Retry-After': '2' });
    await connected({ url, headers: ALICE });
    expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBeGreaterThanOrEqual(1_950);
    const busy = await stumbling('/socket/config', [429, 429], { 'Retry-After': '3600' });
    const error = await failure({ url: busy.url });
    expect(error).toMatchObject({ code: 'BACKEND_FAILED', status: 429, retryAfterMs: 3_600_000 });
    expect(busy.asked).toHaveLength(1);
  });

  test('a refusal is not: neither a configuration, nor a signin, nor a channel', async () => {
    for (const [path, status] of [
      ['/socket/config', 404],
      ['/socket/user-auth', 401],
    ] as const) {
      const { url, asked } = await stumbling(path, [status, status]);
      expect(await failure({ url })).toMatchObject({ status });
      expect(asked).toHaveLength(1);
    }
    const { url, asked } = await stumbling('/socket/auth', [403, 403]);
    const socket = await connected({ url, headers: ALICE });
    await expect(subscribed(socket.channel('private-x'))).rejects.toThrow('answered 403');
    expect(asked).toHaveLength(1);
  });
});

test('a handler of a refused channel gets the fields of pusher-js, and the error of the helper', async () => {
  const host = await startHost({ provider: 'ws' });
  const socket = await connected({ url: host.url, headers: ALICE });
  const refusals = new EventQueue<object>();
  socket.channel('private-nobody').bind('pusher:subscription_error', (refusal: object) => {
    refusals.push(refusal);
  });
  expect(await refusals.next()).toMatchObject({
    type: 'AuthError',
    status: 403,
    error: expect.stringContaining('"private-nobody" was refused') as string,
    cause: expect.any(ConnectError) as ConnectError,
  });
});

test('a page that is loaded while the backend is down connects when it is back; with 0, however late', async () => {
  const host = await startHost({ provider: 'ws' });
  const line = await Line.open(Number(new URL(host.url).port));
  line.cut();
  const pending = connected({ url: `http://127.0.0.1:${line.port}`, headers: ALICE, timeoutMs: 0 });
  setTimeout(() => {
    line.mend();
  }, 1_500);
  const socket = await pending;
  expect(socket.pusher.connection.state).toBe('connected');
});

test('a page that is loaded while only the gateway is down connects when it is back', async () => {
  const host = await startHost({ provider: 'ws' });
  const line = await Line.open(Number(new URL(host.url).port));
  line.cut();
  const url = await changedConfigOf(host, ({ options, ...rest }) => ({
    ...rest,
    options: { ...options, wsPort: line.port },
  }));
  const pending = connected({ url, headers: ALICE });
  setTimeout(() => {
    line.mend();
  }, 1_500);
  await pending;
  expect(await host.app.get(SocketService).onlineMembers(['alice'])).toEqual(new Set(['alice']));
});

describe('an AbortSignal', () => {
  test('that is aborted already lets nothing begin', async () => {
    const reason = new Error('unmounted');
    const error = rejection(
      connect(ReleasedPusher, { url: 'http://127.0.0.1', signal: AbortSignal.abort(reason) }),
    );
    expect(await error).toBe(reason);
  });

  test.each(['/socket/config', '/socket/user-auth'])('ends a request to %s', async (path) => {
    const { host, url } = await stumbling(path, []);
    const controller = new AbortController();
    const open: ServerResponse[] = [];
    const hanging = await frontOf({ url }, (request, response) => {
      if (request.url !== path) return false;
      open.push(response);
      setImmediate(() => {
        controller.abort();
      });
      return true;
    });
    const error = rejection(connect(ReleasedPusher, { url: hanging, signal: controller.signal }));
    expect(await error).toMatchObject({ name: 'AbortError' });
    if (open[0]?.closed === false) await once(open[0], 'close');
    expect(await host.app.get(SocketService).health()).toMatchObject({ status: 'up' });
  });

  test('ends the wait for another try', async () => {
    const url = await answering(503, 'text/plain', '');
    const controller = new AbortController();
    const error = rejection(connect(ReleasedPusher, { url, signal: controller.signal, timeoutMs: 0 }));
    setTimeout(() => {
      controller.abort();
    }, 100);
    expect(await error).toMatchObject({ name: 'AbortError' });
  });

  test('ends a connection that was made', async () => {
    const host = await startHost({ provider: 'ws' });
    const controller = new AbortController();
    const socket = await connected({ url: host.url, headers: ALICE, signal: controller.signal });
    controller.abort();
    expect(socket.pusher.connection.state).toBe('disconnected');
  });
});
