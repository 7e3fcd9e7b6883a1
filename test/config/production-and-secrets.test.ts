import { inspect } from 'node:util';
import { type Environment, socketConfig, type SocketSettings } from 'nestjs-switchboard';
import { redisAddress } from '../../src/settings/redis-address.js';
import { problemsOf } from '../support/config-problems.js';
import { VARIABLES } from '../support/settings.js';

const problems = (environment: Environment, settings?: SocketSettings) =>
  problemsOf(() => socketConfig(environment, settings));
const named = (lines: readonly string[]) => lines.map((line) => line.split(':')[0]);
const OWN = { SOCKET_APP_ID: '1', SOCKET_APP_KEY: 'own-key', SOCKET_APP_SECRET: '20-characters-secret' };

describe('in production', () => {
  const NODE_ENV = 'production';

  test('the provider has to be named', () => {
    const found = problems({ NODE_ENV, ...OWN });
    expect(named(found)).toEqual(['SOCKET_PROVIDER']);
    expect(found[0]).toMatch(/required in production.*ws, pusher, socket-io, memory/);
    expect(named(problems({ NODE_ENV, ...OWN, SOCKET_PROVIDER: ' ' }))).toEqual(['SOCKET_PROVIDER']);
  });

  test.each(['ws', 'pusher'])('missing credentials are refused on %s, not filled in', (SOCKET_PROVIDER) => {
    const found = problems({ NODE_ENV, SOCKET_PROVIDER, PUSHER_CLUSTER: 'eu' });
    expect(named(found)).toEqual(['SOCKET_APP_ID', 'SOCKET_APP_KEY', 'SOCKET_APP_SECRET']);
    for (const line of found) expect(line).toContain('is required');
  });

  test('empty credentials are missing ones', () => {
    const empty = { SOCKET_APP_ID: '', SOCKET_APP_KEY: ' ', SOCKET_APP_SECRET: '' };
    expect(named(problems({ NODE_ENV, SOCKET_PROVIDER: 'ws', ...empty }))).toEqual(Object.keys(empty));
  });

  test.each(['ws', 'pusher'])('the development credentials are refused on %s by their value', (provider) => {
    const { app } = socketConfig({});
    const copied = { SOCKET_APP_ID: app.id, SOCKET_APP_KEY: app.key, SOCKET_APP_SECRET: app.secret };
    const rest = { NODE_ENV, SOCKET_PROVIDER: provider, PUSHER_CLUSTER: 'eu' };
    const found = problems({ ...rest, ...copied });
    expect(found.join('\n')).toMatch(/SOCKET_APP_SECRET: .*development/);
    expect(named(problems({ ...rest }, { app }))).toContain('app.secret');
  });

  test('the development secret is told together with the missing provider', () => {
    const { secret } = socketConfig({}).app;
    expect(named(problems({ NODE_ENV, ...OWN, SOCKET_APP_SECRET: secret }))).toEqual([
      'SOCKET_PROVIDER',
      'SOCKET_APP_SECRET',
    ]);
  });

  test.each(['ws', 'pusher'])('a secret that members could guess at home is refused on %s', (provider) => {
    const rest = { NODE_ENV, SOCKET_PROVIDER: provider, PUSHER_CLUSTER: 'eu', ...OWN };
    expect(problems({ ...rest, SOCKET_APP_SECRET: '19-character-secret' })).toEqual([
      'SOCKET_APP_SECRET: must be at least 20 characters in production; it is 19 characters',
    ]);
    expect(problems(rest)).toEqual([]);
  });

  test('a short secret is nobody’s problem where nothing is signed with it, or nobody is a stranger', () => {
    const test = { NODE_ENV: 'test', SOCKET_PROVIDER: 'memory' };
    expect(problems({ ...test, SOCKET_APP_SECRET: 'short' })).toEqual([]);
    expect(problems({ ...OWN, SOCKET_APP_SECRET: 'short' })).toEqual([]);
  });

  test('the fake is refused, also where code names it: its relays would say "sent" and reach nobody', () => {
    const refusal = 'must not be "memory" in production: it is a fake for tests, and its relays reach nobody';
    expect(problems({ NODE_ENV, SOCKET_PROVIDER: 'memory' })).toEqual([`SOCKET_PROVIDER: ${refusal}`]);
    expect(problems({ NODE_ENV }, { provider: 'memory' })).toEqual([`provider: ${refusal}`]);
    for (const pair of ['memory,ws', 'ws,memory'])
      expect(named(problems({ NODE_ENV, ...OWN, SOCKET_PROVIDER: pair }))).toEqual(['SOCKET_PROVIDER']);
  });

  test('a provider with credentials of its own is all it takes', () => {
    expect(socketConfig({ NODE_ENV, SOCKET_PROVIDER: 'ws', ...OWN })).toMatchObject({
      provider: 'ws',
      app: { id: '1', key: 'own-key', secret: '20-characters-secret' },
    });
  });

  test.each(['development', 'test', 'staging'])('NODE_ENV=%s is not production', (environment) => {
    expect(socketConfig({ NODE_ENV: environment }).provider).toBe('ws');
  });
});

describe("a secret's value", () => {
  const SECRET = 'hunter2 is no secret any more';

  test.each<[string, Environment, SocketSettings]>([
    ['in the environment', { SOCKET_APP_SECRET: SECRET }, {}],
    ['in code', {}, { app: { id: 'a b', key: 'a b', secret: SECRET } }],
  ])('never appears in the error when it stands %s', (_, environment, settings) => {
    const read = () =>
      socketConfig(
        {
          NODE_ENV: 'production',
          SOCKET_PROVIDER: 'nonsense',
          SOCKET_APP_ID: 'a b',
          PORT: 'x',
          ...environment,
        },
        settings,
      );
    expect(problemsOf(read).join('\n')).toMatch(/^(?:SOCKET_APP_ID|app\.id): /m);
    expect(everythingAbout(read)).not.toContain('hunter2');
  });

  test('never appears in the error when it is too short', () => {
    const read = () =>
      socketConfig({ ...OWN, NODE_ENV: 'production', SOCKET_PROVIDER: 'ws', SOCKET_APP_SECRET: 'hunter2' });
    expect(named(problemsOf(read))).toEqual(['SOCKET_APP_SECRET']);
    expect(everythingAbout(read)).not.toContain('hunter2');
  });

  test('never appears in the error when it is the development secret', () => {
    const { secret } = socketConfig({}).app;
    const read = () =>
      socketConfig({ ...OWN, NODE_ENV: 'production', SOCKET_PROVIDER: 'ws', SOCKET_APP_SECRET: secret });
    expect(named(problemsOf(read))).toEqual(['SOCKET_APP_SECRET']);
    expect(everythingAbout(read)).not.toContain(secret);
  });

  test.each([
    ['too short', Buffer.alloc(31, 'k').toString('base64')],
    ['too long', Buffer.alloc(33, 'k').toString('base64')],
    ['no base64', 'hunter2-hunter2-hunter2-hunter2!'],
  ])('never appears in the error when it is a master key that is %s', (_, key) => {
    const read = () => socketConfig({ SOCKET_ENCRYPTION_MASTER_KEY: key });
    expect(problemsOf(read)).toEqual([
      expect.stringMatching(/^SOCKET_ENCRYPTION_MASTER_KEY: .*32 bytes.*base64.*\d+ characters/),
    ]);
    expect(everythingAbout(read)).not.toContain(key);
    expect(everythingAbout(() => socketConfig({}, { encryptionMasterKey: key }))).not.toContain(key);
  });

  test('never appears in the error when it is the password in a webhook’s address', () => {
    const read = () => socketConfig({ SOCKET_WEBHOOK_URLS: 'ftp://user:hunter2@hooks.example.com' });
    expect(named(problemsOf(read))).toEqual(['SOCKET_WEBHOOK_URLS']);
    expect(everythingAbout(read)).not.toContain('hunter2');
  });

  test.each([
    'ftp://hooks.example.com/hook?token=hunter2',
    'ftp://hooks.example.com/hook#hunter2',
    'https://hooks.example.com/hook?token=a,hunter2',
    'https://a.example.com?x=hunter2, ftp://user:hunter2@b.example.com?y=hunter2',
  ])('never appears in the error when it is in the query of a webhook’s address: %s', (urls) => {
    const read = () => socketConfig({ SOCKET_WEBHOOK_URLS: urls });
    expect(named(problemsOf(read))).toEqual(['SOCKET_WEBHOOK_URLS']);
    expect(everythingAbout(read)).not.toContain('hunter2');
    for (const host of urls.match(/\w+\.example\.com/g) ?? []) expect(problemsOf(read)[0]).toContain(host);
  });

  test.each([
    'redis://:hunter2@redis.example.com/zero',
    'rediss://user:hunter2@redis.example.com:6379/0/1',
    'http://user:hunter2@redis.example.com',
    'redis-sentinel://:hunter2@redis.example.com:26379/0',
    'redis://redis.example.com/0?password=hunter2',
  ])('never appears in the error when it is in the address of Redis: %s', (url) => {
    const read = () => socketConfig({ SOCKET_CLUSTER: 'redis', SOCKET_REDIS_URL: url });
    expect(problemsOf(read)).toEqual([expect.stringMatching(/^SOCKET_REDIS_URL: .*redis\.example\.com/)]);
    expect(everythingAbout(read)).not.toContain('hunter2');
    expect(everythingAbout(() => socketConfig({}, { redis: { url } }))).not.toContain('hunter2');
  });

  const PASSWORD = { password: 'hunter2' };
  const WITH_URL = new URL('https://user:hunter2@example.com/?token=hunter2');

  test.each<[what: string, path: string, settings: unknown]>([
    ['a URL object', 'pusher.host', { pusher: { host: WITH_URL } }],
    ['an object', 'redis.url', { redis: { url: { host: 'redis', ...PASSWORD } } }],
    ['an object of a class', 'broadcastChannel', { broadcastChannel: Object.assign(new Error(), PASSWORD) }],
    ['a map', 'pusher.port', { pusher: { port: new Map([['password', 'hunter2']]) } }],
    ['a function', 'failure', { failure: () => 'hunter2' }],
    ['a symbol', 'failure', { failure: Symbol('hunter2') }],
    ['a list of objects', 'webhooks.urls', { webhooks: { urls: [WITH_URL, PASSWORD] } }],
    ['a list of lists of objects', 'webhooks.urls', { webhooks: { urls: [[[PASSWORD], [WITH_URL]]] } }],
    ['an object where a secret is expected', 'app.secret', { app: { id: '1', key: 'k', secret: PASSWORD } }],
    ['a list where a section is expected', 'redis', { redis: [PASSWORD] }],
  ])('never appears in the error when it is in %s, set in code as %s', (_, path, settings) => {
    const read = () => socketConfig({}, settings as SocketSettings);
    expect(named(problemsOf(read))).toEqual([path]);
    expect(everythingAbout(read)).not.toContain('hunter2');
  });

  test('is replaced by the kind of the object that it may be in, also in a list', () => {
    const urls = [WITH_URL, [PASSWORD], 'ftp://hooks.example.com', 7] as unknown as string[];
    expect(problems({}, { webhooks: { urls } }).join()).toContain(
      'webhooks.urls: must be http or https URLs, separated by commas; it is [a value of the kind object, [a value of the kind object], "ftp://hooks.example.com", 7]',
    );
  });

  test('is what it was, when it is a master key of 32 bytes', () => {
    const bytes = Buffer.from([...Array(32).keys()]);
    const config = socketConfig({ SOCKET_ENCRYPTION_MASTER_KEY: bytes.toString('base64') });
    expect(config.encryptionMasterKey).toEqual(bytes);
    expect(socketConfig({ SOCKET_ENCRYPTION_MASTER_KEY: '' }).encryptionMasterKey).toBeUndefined();
  });

  test('may have any character', () => {
    expect(socketConfig({ SOCKET_APP_SECRET: SECRET }).app.secret).toBe(SECRET);
  });
});

describe('settings in code', () => {
  test('win over the environment, every one of them', () => {
    const environment = {
      SOCKET_PROVIDER: 'ws',
      SOCKET_GATEWAYS: 'ws',
      SOCKET_SECOND_ROLE: 'mirror',
      SOCKET_SECOND_RECHECK_S: '1',
      ...OWN,
      SOCKET_PUBLIC_URL: 'https://environment.example.com',
      SOCKET_BROADCAST_CHANNEL: 'from-the-environment',
      SOCKET_FAILURE: 'report',
      SOCKET_CLOSE_TIMEOUT_MS: '1',
      SOCKET_DELIVERY: 'direct',
      SOCKET_RETRY_DEADLINE_MS: '1',
      SOCKET_MAX_WAITING_RELAYS: '1',
      SOCKET_MAX_WAITING_BYTES: '1',
      SOCKET_BREAKER_FAILURES: '1',
      SOCKET_QUEUE_CONCURRENCY: '1',
      SOCKET_MAX_DEAD_LETTERS: '1',
      PUSHER_CLUSTER: 'us2',
      PUSHER_HOST: 'environment.example.com',
      PUSHER_PORT: '1',
      PUSHER_SCHEME: 'https',
      PUSHER_TIMEOUT_MS: '1',
      PUSHER_BATCHING: 'true',
      PUSHER_ENVELOPE: 'true',
      PUSHER_WS_HOST: 'environment.example.com',
      PUSHER_WS_PORT: '1',
      SOCKET_IO_PATH: '/environment',
      SOCKET_IO_TRANSPORTS: 'polling',
      SOCKET_IO_HANDSHAKE_HEADERS: 'x-environment',
      SOCKET_CLIENT_EVENTS: 'true',
      SOCKET_ACTIVITY_TIMEOUT_S: '1',
      SOCKET_PONG_TIMEOUT_S: '1',
      SOCKET_PRESENCE_GRACE_MS: '1',
      SOCKET_DRAIN_MS: '1',
      SOCKET_ENCRYPTION_MASTER_KEY: Buffer.alloc(32, 'e').toString('base64'),
      SOCKET_SUBSCRIPTION_COUNT: 'false',
      SOCKET_HTTP_API: 'false',
      SOCKET_HTTP_API_PORT: '1',
      SOCKET_WEBHOOK_URLS: 'https://environment.example.com',
      SOCKET_WEBHOOK_EVENTS: 'channel_vacated',
      SOCKET_WEBHOOK_PRIVATE_TARGETS: 'false',
      SOCKET_ALLOWED_ORIGINS: 'https://environment.example.com',
      SOCKET_MAX_CONNECTIONS: '1',
      SOCKET_MAX_CONNECTIONS_PER_ADDRESS: '1',
      SOCKET_MAX_CHANNELS: '1',
      SOCKET_MAX_CHANNELS_PER_CONNECTION: '1',
      SOCKET_MAX_MESSAGES_PER_SECOND: '1',
      SOCKET_MAX_SUBSCRIBES_PER_SECOND: '1',
      SOCKET_MAX_SIGNINS_PER_SECOND: '1',
      SOCKET_MAX_WATCHLISTS_PER_SECOND: '1',
      SOCKET_MAX_CLIENT_EVENTS_PER_SECOND: '1',
      SOCKET_MAX_EVENT_BYTES: '1',
      SOCKET_MAX_FRAME_BYTES: '1',
      SOCKET_MAX_BUFFERED_BYTES: '1',
      SOCKET_MAX_PIPELINED_REQUESTS: '1',
      SOCKET_MAX_PRESENCE_MEMBERS: '1',
      SOCKET_UNAUTHORIZED_TIMEOUT_S: '1',
      SOCKET_HANDLER_TIMEOUT_MS: '1',
      SOCKET_UNKNOWN_MESSAGES: 'refuse',
      SOCKET_MAX_HANDLER_MESSAGE_BYTES: '1',
      SOCKET_MAX_HANDLER_MESSAGES_PER_SECOND: '1',
      SOCKET_MAX_HANDLER_MESSAGES_PER_MEMBER: '1',
      SOCKET_MAX_RUNNING_HANDLERS: '1',
      SOCKET_HISTORY: 'members',
      SOCKET_HISTORY_S: '1',
      SOCKET_HISTORY_EVENTS: '1',
      SOCKET_HISTORY_BYTES: '1',
      SOCKET_HISTORY_TOTAL_BYTES: '1',
      SOCKET_HISTORY_PAGE_EVENTS: '1',
      SOCKET_IDEMPOTENCY_S: '1',
      SOCKET_CLUSTER: 'local',
      SOCKET_REDIS_URL: 'redis://environment.example.com',
      SOCKET_REDIS_PREFIX: 'environment',
    };
    // Nothing is forgotten here.
    expect(Object.keys({ ...environment, NODE_ENV: '' }).sort()).toEqual([...VARIABLES].sort());
    const encryptionMasterKey = Buffer.alloc(32, 'c');
    const settings = {
      provider: ['pusher', 'ws'],
      gateways: ['socket-io'],
      second: { role: 'failover', recheckS: 2 },
      app: { id: 'code', key: 'code-key', secret: 'code-secret' },
      publicUrl: 'https://code.example.com/api',
      broadcastChannel: 'private-code',
      maxEventBytes: 2,
      failure: 'throw',
      closeTimeoutMs: 0,
      delivery: {
        mode: 'queue',
        retryDeadlineMs: 2,
        waitingRelays: 2,
        waitingBytes: 2,
        breakerFailures: 3,
        queueConcurrency: 2,
        deadLetters: 2,
      },
      pusher: {
        cluster: 'eu',
        host: 'code.example.com',
        port: 2,
        scheme: 'http',
        timeoutMs: 2,
        batching: false,
        envelope: false,
        wsHost: 'ws.code.example.com',
        wsPort: 3,
      },
      socketIo: { path: '/code/io', transports: ['websocket'], handshakeHeaders: [] },
      gateway: {
        clientEvents: ['private-chat'],
        activityTimeoutS: 2,
        pongTimeoutS: 2,
        presenceGraceMs: 0,
        drainMs: 0,
        subscriptionCount: true,
        allowedOrigins: ['https://code.example.com', 'https://*.example.org'],
        limits: {
          connections: 2,
          connectionsPerAddress: 2,
          channels: 2,
          channelsPerConnection: 2,
          messagesPerSecond: 2,
          pipelinedRequests: 2,
          subscribesPerSecond: 2,
          signinsPerSecond: 2,
          watchlistsPerSecond: 2,
          clientEventsPerSecond: 2,
          frameBytes: 2,
          bufferedBytes: 2,
          presenceMembers: 2,
          unauthorizedS: 0,
        },
      },
      history: {
        channels: ['broadcast', 'private-code.{id}'],
        ageS: 2,
        channelEvents: 2,
        channelBytes: 2,
        totalBytes: 2,
        pageEvents: 2,
      },
      idempotencyS: 2,
      handlers: {
        timeoutMs: 2,
        unknownMessages: 'ignore',
        limits: { messageBytes: 2, messagesPerSecond: 2, messagesPerMember: 2, running: 2 },
      },
      httpApi: { enabled: true, port: 2 },
      webhooks: { urls: ['https://code.example.com'], events: ['member_added'], privateTargets: true },
      cluster: 'redis',
      redis: { url: 'redis://code.example.com', prefix: 'code' },
    } as const;
    const given = { ...settings, encryptionMasterKey: encryptionMasterKey.toString('base64') };
    const config = socketConfig(environment, given);
    expect(config).toEqual({
      ...settings,
      provider: 'pusher',
      second: { provider: 'ws', ...settings.second },
      encryptionMasterKey,
      publicUrl: { hostname: 'code.example.com', port: undefined, secure: true, path: '/api' },
      gateway: { path: '', ...settings.gateway },
      redis: { prefix: 'code', address: redisAddress(settings.redis.url) },
    });
    expect(socketConfig({}, given)).toEqual(config);
  });

  test('leave the environment in force where they are silent', () => {
    const config = socketConfig(
      { SOCKET_FAILURE: 'throw', PUSHER_TIMEOUT_MS: '7' },
      { pusher: { port: 2 }, gateway: { clientEvents: true } },
    );
    expect(config).toMatchObject({ failure: 'throw', pusher: { timeoutMs: 7, port: 2 } });
    expect(config.gateway).toMatchObject({ clientEvents: true, activityTimeoutS: 30 });
  });

  test('that switch something off win over an environment that switches it on', () => {
    const on = { SOCKET_CLIENT_EVENTS: 'true' };
    expect(socketConfig(on, { gateway: { clientEvents: false } }).gateway.clientEvents).toBe(false);
    const { clientEvents } = socketConfig(on, { gateway: { clientEvents: [] } }).gateway;
    expect(clientEvents === true).toBe(false);
  });

  test('mend a bad variable, which is then nobody’s problem', () => {
    expect(problems({ SOCKET_FAILURE: 'never' }, { failure: 'throw' })).toEqual([]);
  });

  test('are checked like the environment', () => {
    const found = problems({}, { broadcastChannel: 'presence-all', pusher: { port: 0 } });
    expect(named(found)).toEqual(['broadcastChannel', 'pusher.port']);
  });
});

function everythingAbout(read: () => unknown): string {
  try {
    return inspect(read());
  } catch (error) {
    return `${String(error)}\n${inspect(error, { depth: 9, showHidden: true })}\n${JSON.stringify(error)}`;
  }
}

test.each(['0', '10241'])(
  'an event of %s bytes is more than hosted Pusher takes, and is told at the start',
  (bytes) => {
    const environment = {
      SOCKET_APP_ID: '1',
      SOCKET_APP_KEY: 'key',
      SOCKET_APP_SECRET: 'secret',
      PUSHER_CLUSTER: 'eu',
      SOCKET_MAX_EVENT_BYTES: bytes,
    };
    const found = problems({ ...environment, SOCKET_PROVIDER: 'pusher' });
    expect(found).toEqual([`SOCKET_MAX_EVENT_BYTES: hosted Pusher takes at most 10240; it is ${bytes}`]);
    expect(problems({ ...environment, SOCKET_PROVIDER: 'ws' })).toEqual([]);
  },
);
