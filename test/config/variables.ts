import type { BuiltInConfig, SocketConfig } from 'nestjs-switchboard';
import { redisAddress } from '../../src/settings/redis-address.js';

/** One variable of the README's table: what it is without a value, and which values it takes. */
export interface VariableRow {
  readonly variable: string;
  /** Where its value ends up. */
  readonly read: (config: SocketConfig & BuiltInConfig) => unknown;
  readonly byDefault: unknown;
  readonly good: readonly (readonly [text: string, value: unknown])[];
  readonly bad: readonly string[];
  /** The variables without which it has no meaning. */
  readonly alongside?: Readonly<Record<string, string>>;
  /** The allowed values, as the message about a bad value says. */
  readonly allowed: RegExp;
}

const port = {
  byDefault: undefined,
  good: [
    ['1', 1],
    ['65535', 65_535],
  ],
  bad: ['0', '65536', '-1', '80.5', 'http', '80 81', 'Infinity', 'NaN'],
  allowed: /whole number from 1 to 65535/,
} as const;

const urlSafe = {
  good: [['My_app-1.2', 'My_app-1.2']],
  bad: ['a b', 'a/b', 'a?b', 'ä', 'a:b'],
  allowed: /letters, digits and \. _ -/,
} as const;

const hostname = {
  byDefault: undefined,
  good: [
    ['pusher.example.com', 'pusher.example.com'],
    ['127.0.0.1', '127.0.0.1'],
    ['[::1]', '[::1]'],
  ],
  bad: ['https://pusher.example.com', 'pusher.example.com:8080', 'pusher.example.com/path', 'a b'],
  allowed: /host name without scheme, port or path/,
} as const;

const seconds = { bad: ['0', '-1', '1.5', 'soon', '600001'], allowed: /whole number from 1 to \d+/ };

const yesOrNo = {
  byDefault: false,
  good: [
    ['true', true],
    ['false', false],
  ],
  bad: ['yes', '1', 'True'],
  allowed: /one of: true, false/,
} as const;

/** 0 switches a limit off. */
const anyLimit = {
  good: [
    ['0', 0],
    ['7', 7],
  ],
  bad: ['-1', '1.5', 'unlimited', '10k'],
  allowed: /whole number from 0 to \d+/,
} as const;

const TWO_PROVIDERS = {
  SOCKET_PROVIDER: 'pusher,ws',
  SOCKET_APP_ID: '1',
  SOCKET_APP_KEY: 'k',
  SOCKET_APP_SECRET: 's',
  PUSHER_CLUSTER: 'eu',
};

/** On the gateway. */
const QUEUE_NEEDS = { SOCKET_REDIS_URL: 'redis://localhost', SOCKET_CLUSTER: 'redis' };

/** The two secrets, `SOCKET_APP_SECRET` and `SOCKET_ENCRYPTION_MASTER_KEY`, are tested on their own. */
export const VARIABLES: readonly VariableRow[] = [
  {
    variable: 'SOCKET_PROVIDER',
    read: ({ provider }) => provider,
    byDefault: 'ws',
    good: [
      ['ws', 'ws'],
      ['memory', 'memory'],
      ['socket-io', 'socket-io'],
    ],
    bad: [
      'socketio',
      'WS',
      'ws,ws',
      'ws,memory',
      'memory,pusher',
      'ws,',
      ',ws',
      'ws,pusher,memory',
      'ws pusher',
    ],
    allowed: /one of: ws, pusher, socket-io, memory; or two of ws, pusher and socket-io/,
  },
  {
    variable: 'SOCKET_SECOND_ROLE',
    read: ({ second }) => second?.role,
    byDefault: undefined,
    alongside: TWO_PROVIDERS,
    good: [
      ['failover', 'failover'],
      ['mirror', 'mirror'],
    ],
    bad: ['both', 'Mirror'],
    allowed: /one of: failover, mirror/,
  },
  {
    variable: 'SOCKET_SECOND_RECHECK_S',
    read: ({ second }) => second?.recheckS,
    // Its default is of no use to one provider.
    byDefault: undefined,
    alongside: TWO_PROVIDERS,
    good: [['5', 5]],
    ...seconds,
  },
  {
    variable: 'SOCKET_APP_ID',
    read: ({ app }) => app.id,
    byDefault: expect.stringMatching(/./),
    ...urlSafe,
  },
  {
    variable: 'SOCKET_APP_KEY',
    read: ({ app }) => app.key,
    byDefault: expect.stringMatching(/./),
    ...urlSafe,
  },
  {
    variable: 'SOCKET_BROADCAST_CHANNEL',
    read: ({ broadcastChannel }) => broadcastChannel,
    byDefault: 'broadcast',
    good: [
      ['private-everybody', 'private-everybody'],
      ['news', 'news'],
      ['n'.repeat(164), 'n'.repeat(164)],
    ],
    bad: ['every body', '#server-to-user-7', 'presence-all', 'private-encrypted-all', 'n'.repeat(165)],
    allowed: /channel/,
  },
  {
    variable: 'SOCKET_MAX_EVENT_BYTES',
    read: ({ maxEventBytes }) => maxEventBytes,
    byDefault: 10_240,
    ...anyLimit,
  },
  {
    variable: 'SOCKET_FAILURE',
    read: ({ failure }) => failure,
    byDefault: 'report',
    good: [
      ['report', 'report'],
      ['throw', 'throw'],
    ],
    bad: ['ignore', 'Throw'],
    allowed: /one of: report, throw/,
  },
  {
    variable: 'SOCKET_PUBLIC_URL',
    read: ({ publicUrl }) => publicUrl,
    byDefault: undefined,
    good: [
      ['https://app.example.com', { hostname: 'app.example.com', port: undefined, secure: true, path: '' }],
      ['http://[::1]:8080/api/', { hostname: '[::1]', port: 8080, secure: false, path: '/api' }],
    ],
    bad: ['app.example.com', 'wss://app.example.com'],
    allowed: /http or https URL without credentials/,
  },
  {
    variable: 'SOCKET_CLOSE_TIMEOUT_MS',
    read: ({ closeTimeoutMs }) => closeTimeoutMs,
    byDefault: 10_000,
    good: [
      ['0', 0],
      ['30000', 30_000],
    ],
    bad: ['-1', '0.5', '10s'],
    allowed: /whole number from 0 to \d+/,
  },
  {
    variable: 'SOCKET_DELIVERY',
    read: ({ delivery }) => delivery.mode,
    byDefault: 'direct',
    good: [
      ['direct', 'direct'],
      ['queue', 'queue'],
    ],
    bad: ['Direct', 'true', 'bullmq'],
    alongside: QUEUE_NEEDS,
    allowed: /one of: direct, queue/,
  },
  ...(
    [
      ['SOCKET_RETRY_DEADLINE_MS', 'retryDeadlineMs', 30_000],
      ['SOCKET_MAX_WAITING_RELAYS', 'waitingRelays', 10_000],
      ['SOCKET_MAX_WAITING_BYTES', 'waitingBytes', 16_777_216],
      ['SOCKET_BREAKER_FAILURES', 'breakerFailures', 5],
      ['SOCKET_QUEUE_CONCURRENCY', 'queueConcurrency', 64],
      ['SOCKET_MAX_DEAD_LETTERS', 'deadLetters', 10_000],
    ] as const
  ).map(([variable, name, byDefault]): VariableRow => ({
    variable,
    read: ({ delivery }) => delivery[name],
    byDefault,
    // 0 switches it off.
    good: [
      ['0', 0],
      ['7', 7],
    ],
    bad: ['-1', '1.5', 'never', '30s'],
    allowed: /whole number from 0 to \d+/,
    ...(/QUEUE|DEAD/.test(variable) && { alongside: { SOCKET_DELIVERY: 'queue', ...QUEUE_NEEDS } }),
  })),
  {
    variable: 'PUSHER_CLUSTER',
    read: ({ pusher }) => pusher.cluster,
    byDefault: undefined,
    good: [
      ['eu', 'eu'],
      ['us-2', 'us-2'],
    ],
    bad: ['ws-eu.pusher.com', 'eu/', 'e u'],
    allowed: /cluster name/,
  },
  { variable: 'PUSHER_HOST', read: ({ pusher }) => pusher.host, ...hostname },
  { variable: 'PUSHER_PORT', read: ({ pusher }) => pusher.port, ...port },
  {
    variable: 'PUSHER_SCHEME',
    read: ({ pusher }) => pusher.scheme,
    byDefault: 'https',
    good: [
      ['http', 'http'],
      ['https', 'https'],
    ],
    bad: ['ws', 'https://', 'HTTPS'],
    allowed: /one of: https, http/,
  },
  {
    variable: 'PUSHER_TIMEOUT_MS',
    read: ({ pusher }) => pusher.timeoutMs,
    byDefault: 5_000,
    good: [['250', 250]],
    ...seconds,
  },
  { variable: 'PUSHER_BATCHING', read: ({ pusher }) => pusher.batching, ...yesOrNo, byDefault: true },
  { variable: 'PUSHER_ENVELOPE', read: ({ pusher }) => pusher.envelope, ...yesOrNo, byDefault: false },
  { variable: 'PUSHER_WS_HOST', read: ({ pusher }) => pusher.wsHost, ...hostname },
  { variable: 'PUSHER_WS_PORT', read: ({ pusher }) => pusher.wsPort, ...port },
  {
    variable: 'SOCKET_GATEWAYS',
    read: ({ gateways }) => gateways,
    byDefault: [],
    good: [['socket-io', ['socket-io']]],
    bad: ['pusher', 'memory', 'socket-io,socket-io', 'Socket-IO'],
    allowed: /must be a list, each once, of: ws, socket-io/,
  },
  {
    variable: 'SOCKET_IO_PATH',
    read: ({ socketIo }) => socketIo.path,
    byDefault: '/socket.io',
    good: [['/realtime/io-2', '/realtime/io-2']],
    bad: ['socket.io', '/socket.io/', '/', '/a b', '/io?x=1'],
    allowed: /must be like \/socket\.io/,
  },
  {
    variable: 'SOCKET_IO_TRANSPORTS',
    read: ({ socketIo }) => socketIo.transports,
    byDefault: ['polling', 'websocket'],
    good: [
      ['websocket', ['websocket']],
      ['websocket, polling', ['websocket', 'polling']],
    ],
    bad: ['webtransport', 'websocket,websocket', 'websocket,', 'WebSocket'],
    allowed: /one or more of: polling, websocket; each once/,
  },
  {
    variable: 'SOCKET_IO_HANDSHAKE_HEADERS',
    read: ({ socketIo }) => socketIo.handshakeHeaders,
    byDefault: ['authorization'],
    good: [['authorization, x-tenant', ['authorization', 'x-tenant']]],
    bad: ['Authorization', 'x tenant', 'x:y'],
    allowed: /names of headers in lower case/,
  },
  {
    variable: 'SOCKET_CLIENT_EVENTS',
    read: ({ gateway }) => gateway.clientEvents,
    byDefault: false,
    good: [
      ['true', true],
      ['false', false],
      ['private-chat, presence-lobby', ['private-chat', 'presence-lobby']],
    ],
    bad: ['yes', 'public-chat', 'private-chat,', 'private-a b'],
    allowed: /true, false, or a comma-separated list of private- and presence- channels/,
  },
  {
    variable: 'SOCKET_ACTIVITY_TIMEOUT_S',
    read: ({ gateway }) => gateway.activityTimeoutS,
    byDefault: 30,
    good: [['120', 120]],
    ...seconds,
  },
  {
    variable: 'SOCKET_PONG_TIMEOUT_S',
    read: ({ gateway }) => gateway.pongTimeoutS,
    byDefault: 30,
    good: [['5', 5]],
    ...seconds,
  },
  {
    variable: 'SOCKET_PRESENCE_GRACE_MS',
    read: ({ gateway }) => gateway.presenceGraceMs,
    byDefault: 3_000,
    good: [
      ['0', 0],
      ['10000', 10_000],
    ],
    bad: ['-1', '0.5', 'never'],
    allowed: /whole number from 0 to \d+/,
  },
  {
    variable: 'SOCKET_DRAIN_MS',
    read: ({ gateway }) => gateway.drainMs,
    byDefault: 5_000,
    good: [
      ['0', 0],
      ['30000', 30_000],
    ],
    bad: ['-1', '0.5', '5s'],
    allowed: /whole number from 0 to \d+/,
  },
  {
    variable: 'SOCKET_SUBSCRIPTION_COUNT',
    read: ({ gateway }) => gateway.subscriptionCount,
    ...yesOrNo,
  },
  { variable: 'SOCKET_HTTP_API', read: ({ httpApi }) => httpApi.enabled, ...yesOrNo },
  {
    variable: 'SOCKET_HTTP_API_PORT',
    read: ({ httpApi }) => httpApi.port,
    alongside: { SOCKET_HTTP_API: 'true' },
    ...port,
  },
  {
    variable: 'SOCKET_WEBHOOK_URLS',
    read: ({ webhooks }) => webhooks.urls,
    byDefault: [],
    good: [
      ['https://a.example.com/hook', ['https://a.example.com/hook']],
      ['https://a.example.com, http://b.example.com', ['https://a.example.com', 'http://b.example.com']],
    ],
    bad: ['a.example.com/hook', 'ftp://a.example.com', 'https://a.example.com https://b.example.com'],
    allowed: /http or https URLs, separated by commas/,
  },
  {
    variable: 'SOCKET_WEBHOOK_EVENTS',
    read: ({ webhooks }) => webhooks.events,
    byDefault: [],
    good: [['channel_occupied,member_removed', ['channel_occupied', 'member_removed']]],
    bad: ['channel_created', 'channel_occupied;member_added'],
    allowed: /one of: .*channel_occupied.*member_removed/,
  },
  {
    variable: 'SOCKET_WEBHOOK_PRIVATE_TARGETS',
    read: ({ webhooks }) => webhooks.privateTargets,
    ...yesOrNo,
  },
  {
    variable: 'SOCKET_ALLOWED_ORIGINS',
    read: ({ gateway }) => gateway.allowedOrigins,
    byDefault: [],
    good: [
      ['https://app.example.com', ['https://app.example.com']],
      ['https://*.example.com, http://localhost:3000', ['https://*.example.com', 'http://localhost:3000']],
      [
        'capacitor://localhost,ionic://localhost,null',
        ['capacitor://localhost', 'ionic://localhost', 'null'],
      ],
    ],
    bad: ['app.example.com', 'https://app.example.com/path', '*', 'https://a.*.com', 'wss://app.example.com'],
    allowed: /origins of pages like https:/,
  },
  ...(
    [
      ['SOCKET_MAX_CONNECTIONS', 'connections', 100_000],
      ['SOCKET_MAX_CONNECTIONS_PER_ADDRESS', 'connectionsPerAddress', 0],
      ['SOCKET_MAX_CHANNELS', 'channels', 1_000_000],
      ['SOCKET_MAX_CHANNELS_PER_CONNECTION', 'channelsPerConnection', 500],
      ['SOCKET_MAX_MESSAGES_PER_SECOND', 'messagesPerSecond', 1_000],
      ['SOCKET_MAX_SUBSCRIBES_PER_SECOND', 'subscribesPerSecond', 500],
      ['SOCKET_MAX_SIGNINS_PER_SECOND', 'signinsPerSecond', 10],
      ['SOCKET_MAX_WATCHLISTS_PER_SECOND', 'watchlistsPerSecond', 10],
      ['SOCKET_MAX_CLIENT_EVENTS_PER_SECOND', 'clientEventsPerSecond', 10],
      ['SOCKET_MAX_FRAME_BYTES', 'frameBytes', 65_536],
      ['SOCKET_MAX_BUFFERED_BYTES', 'bufferedBytes', 1_048_576],
      ['SOCKET_MAX_PIPELINED_REQUESTS', 'pipelinedRequests', 100],
      ['SOCKET_MAX_PRESENCE_MEMBERS', 'presenceMembers', 100],
      ['SOCKET_UNAUTHORIZED_TIMEOUT_S', 'unauthorizedS', 0],
    ] as const
  ).map(([variable, name, byDefault]): VariableRow => ({
    variable,
    read: ({ gateway }) => gateway.limits[name],
    byDefault,
    ...anyLimit,
  })),
  {
    variable: 'SOCKET_HANDLER_TIMEOUT_MS',
    read: ({ handlers }) => handlers.timeoutMs,
    byDefault: 10_000,
    good: [
      ['0', 0],
      ['3600000', 3_600_000],
    ],
    bad: ['-1', '0.5', '5s', '3600001'],
    allowed: /whole number from 0 to \d+/,
  },
  {
    variable: 'SOCKET_UNKNOWN_MESSAGES',
    read: ({ handlers }) => handlers.unknownMessages,
    byDefault: 'refuse',
    good: [
      ['refuse', 'refuse'],
      ['ignore', 'ignore'],
    ],
    bad: ['Refuse', 'drop', 'true'],
    allowed: /one of: refuse, ignore/,
  },
  ...(
    [
      ['SOCKET_MAX_HANDLER_MESSAGE_BYTES', 'messageBytes', 16_384],
      ['SOCKET_MAX_HANDLER_MESSAGES_PER_SECOND', 'messagesPerSecond', 20],
      ['SOCKET_MAX_HANDLER_MESSAGES_PER_MEMBER', 'messagesPerMember', 100],
      ['SOCKET_MAX_RUNNING_HANDLERS', 'running', 20],
    ] as const
  ).map(([variable, name, byDefault]): VariableRow => ({
    variable,
    read: ({ handlers }) => handlers.limits[name],
    byDefault,
    ...anyLimit,
  })),
  {
    variable: 'SOCKET_HISTORY',
    read: ({ history }) => history.channels,
    byDefault: [],
    good: [
      ['members, broadcast', ['members', 'broadcast']],
      ['private-orders.{id},news', ['private-orders.{id}', 'news']],
    ],
    bad: [
      'private-orders.{}',
      'private-{a}{b}',
      'private-{a}.{a}',
      'with space',
      'members,#server-to-user-1',
    ],
    allowed: /must be a list of "members", "broadcast" and channel names/,
  },
  {
    variable: 'SOCKET_HISTORY_S',
    read: ({ history }) => history.ageS,
    byDefault: 120,
    good: [
      ['1', 1],
      ['604800', 604_800],
    ],
    bad: ['0', '-1', '1.5', '2m', '604801'],
    allowed: /whole number from 1 to 604800/,
  },
  ...(
    [
      ['SOCKET_HISTORY_EVENTS', 'channelEvents', 300],
      ['SOCKET_HISTORY_BYTES', 'channelBytes', 1_048_576],
      ['SOCKET_HISTORY_TOTAL_BYTES', 'totalBytes', 67_108_864],
      ['SOCKET_HISTORY_PAGE_EVENTS', 'pageEvents', 100],
    ] as const
  ).map(([variable, name, byDefault]): VariableRow => ({
    variable,
    read: ({ history }) => history[name],
    byDefault,
    ...anyLimit,
  })),
  {
    variable: 'SOCKET_IDEMPOTENCY_S',
    read: ({ idempotencyS }) => idempotencyS,
    byDefault: 120,
    good: [
      ['1', 1],
      ['86400', 86_400],
    ],
    bad: ['0', '-1', '1.5', '2m', '86401'],
    allowed: /whole number from 1 to 86400/,
  },
  {
    variable: 'SOCKET_CLUSTER',
    read: ({ cluster }) => cluster,
    byDefault: 'local',
    alongside: { SOCKET_REDIS_URL: 'redis://localhost' },
    good: [
      ['local', 'local'],
      ['redis', 'redis'],
    ],
    bad: ['Redis', 'nats', 'true'],
    allowed: /one of: local, redis/,
  },
  {
    variable: 'SOCKET_REDIS_URL',
    read: ({ redis }) => redis.address,
    byDefault: undefined,
    good: [
      'redis://localhost',
      'redis://user:p%40ss@redis.internal:6380/1',
      'rediss://:secret@redis.internal',
      'redis://[::1]:6379',
      'redis://one:6379,two:6379',
      'redis-sentinel://one:26379,two:26379/0#primary',
      'rediss-sentinel://one#primary',
    ].map((url) => [url, redisAddress(url)] as const),
    bad: ['localhost:6379', 'http://localhost:6379', 'redis://', 'redis://host/zero', 'redis-sentinel://one'],
    allowed: /like redis:\/\/host:6379, .*redis-sentinel:\/\/one:26379,two:26379\/0#primary/,
  },
  {
    variable: 'SOCKET_REDIS_PREFIX',
    read: ({ redis }) => redis.prefix,
    byDefault: 'switchboard',
    good: [
      ['shop:eu-1_v2.0', 'shop:eu-1_v2.0'],
      ['x'.repeat(64), 'x'.repeat(64)],
    ],
    bad: ['a b', 'a{b}', 'a/b', 'ä', 'x'.repeat(65)],
    allowed: /1 to 64 letters, digits and \. _ : -/,
  },
];
