import type { PusherOptions } from '../../src/browser/client-config.js';
import { follow } from '../../src/browser/follow.js';
import type { ClientConfig } from '../../src/ports/client-config.js';
import { onTeardown } from '../support/teardown.js';

type Handler = (data: never) => void;

/** As much of `pusher-js` as is moved; a test says what becomes of its connection. */
class StubPusher {
  options: object = {};
  readonly user = {
    bind: () => undefined,
    unbind: () => undefined,
    bind_global: () => undefined,
    unbind_global: () => undefined,
    emit: () => undefined,
    signin_requested: false,
    user_data: null,
  };
  readonly switched: object[] = [];
  readonly #handlers: Handler[] = [];
  readonly connection = {
    state: 'connected',
    socket_id: '1.1',
    usingTLS: true,
    bind: (_: string, handler: Handler) => void this.#handlers.push(handler),
    unbind: () => undefined,
    emit: () => undefined,
  };
  readonly send_event = (): boolean => true;
  switchCluster: ((to: object) => void) | undefined = (to) => void this.switched.push(to);

  constructor() {
    onTeardown(() => {
      this.goes('disconnected');
    });
  }

  channel = () => undefined;
  subscribe = () => this.user;
  unsubscribe = () => undefined;
  signin = () => undefined;
  disconnect = () => undefined;

  goes(current: string): void {
    this.connection.state = current;
    for (const handler of this.#handlers) handler({ current } as never);
  }
}

const endpoint = { endpoint: '/socket/auth', transport: 'ajax' } as const;

function config(provider: ClientConfig['provider'], recheckMs?: number): ClientConfig<PusherOptions> {
  const options = {
    cluster: `of-${provider}`,
    forceTLS: false,
    channelAuthorization: endpoint,
    userAuthentication: endpoint,
  };
  return {
    provider,
    key: 'k',
    options,
    broadcastChannel: 'broadcast',
    ...(recheckMs !== undefined && { recheckMs }),
  };
}

/** Follows a backend whose answers are given; they are asked for one by one. */
function start(
  recheckMs: number | undefined,
  answers: (ClientConfig<PusherOptions> | Error)[],
  pusher = new StubPusher(),
) {
  let asked = 0;
  const told: (() => void)[] = [];
  const ask = async () => {
    const answer = answers[asked++];
    told.splice(0).forEach((tell) => {
      tell();
    });
    if (answer === undefined || answer instanceof Error) throw answer ?? new Error('no answer is left');
    return answer;
  };
  const where = follow(pusher, config('pusher', recheckMs), ask, ({ options }) => options);
  return {
    pusher,
    where: () => where().provider,
    asked: () => asked,
    /** Waits for the next question, and for what comes of its answer. */
    question: async () => {
      await new Promise<void>((resolve) => told.push(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const NEVER_MS = 1_000_000;

test('a client whose connection is lost for a while is led to where the backend says', async () => {
  const { pusher, where, question } = start(NEVER_MS, [config('ws', NEVER_MS)]);
  const asked = question();
  pusher.goes('connecting');
  pusher.goes('unavailable');
  await asked;
  expect(pusher.switched).toEqual([{ appKey: 'k', cluster: 'of-ws' }]);
  expect(pusher.options).toEqual(config('ws').options);
  expect(pusher.connection.usingTLS).toBe(false);
  expect(where()).toBe('ws');
});

test('a backend that cannot be asked, or says the same, changes nothing, and is asked again later', async () => {
  const { pusher, where, question, asked } = start(1, [
    new Error('away'),
    config('pusher', 1),
    config('ws', 1),
  ]);
  while (where() === 'pusher') await question();
  expect(pusher.switched).toHaveLength(1);
  expect(asked()).toBe(3);
});

test('a backend that could not be asked while the connection is lost is asked again soon', async () => {
  const { pusher, where, question } = start(NEVER_MS, [new Error('away'), config('ws', NEVER_MS)]);
  pusher.goes('unavailable');
  while (where() === 'pusher') await question();
  expect(pusher.switched).toHaveLength(1);
});

test('nothing is asked while an answer is awaited', async () => {
  const { pusher, question, asked } = start(NEVER_MS, [config('pusher', NEVER_MS)]);
  const first = question();
  pusher.goes('unavailable');
  pusher.goes('connecting');
  pusher.goes('unavailable');
  await first;
  expect(asked()).toBe(1);
});

test('an answer that comes after the end leads nowhere', async () => {
  const { pusher, where, question } = start(NEVER_MS, [config('ws', NEVER_MS)]);
  const asked = question();
  pusher.goes('unavailable');
  pusher.goes('disconnected');
  await asked;
  expect(pusher.switched).toEqual([]);
  expect(where()).toBe('pusher');
});

test('with one provider, and before pusher-js 8.5, nothing is asked', async () => {
  const old = new StubPusher();
  old.switchCluster = undefined;
  for (const { pusher, asked } of [start(undefined, []), start(1, [], old)]) {
    pusher.goes('unavailable');
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked()).toBe(0);
  }
});
