import * as v from 'valibot';
import { channelNameProblem, channelType } from '../protocol/channel-name.js';
import { CHANNEL_EVENT_NAMES } from '../ports/channel-events.js';
import { CLUSTERS, DELIVERIES, type Provider, PROVIDERS, SECOND_ROLES } from '../ports/socket-config.js';
import { redisAddress } from './redis-address.js';

const integer = (minimum: number, maximum: number) => {
  const allowed = `must be a whole number from ${minimum} to ${maximum}`;
  return v.pipe(
    v.string(),
    v.regex(/^\d+$/, allowed),
    v.transform(Number),
    v.check((value) => value >= minimum && value <= maximum, allowed),
  );
};
const port = integer(1, 65_535);
const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  v.picklist(values, `must be one of: ${values.join(', ')}`);
const matching = (pattern: RegExp, allowed: string) => v.pipe(v.string(), v.regex(pattern, allowed));
const hostname = matching(
  /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])$/,
  'must be a host name without scheme, port or path',
);
/** App ids and keys become part of URLs, so they are kept to what needs no escaping there. */
const urlSafe = matching(/^[A-Za-z0-9._-]+$/, 'may have letters, digits and . _ - only');

const broadcastChannel = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const problem = channelNameProblem(dataset.value);
    const type = channelType(dataset.value);
    if (problem !== undefined) addIssue({ message: `must be a channel name: ${problem}` });
    else if (type.encrypted) addIssue({ message: 'must not be an encrypted channel' });
    else if (type.access === 'presence') addIssue({ message: 'must be a public or a private- channel' });
  }),
);

const yesOrNo = v.pipe(
  oneOf(['true', 'false']),
  v.transform((value) => value === 'true'),
);
/** 0 is the off-switch of every limit. */
const limit = integer(0, 2 ** 31 - 1);
const list = v.pipe(
  v.string(),
  v.transform((value) =>
    value
      .split(',')
      .map((entry) => entry.trim())
      .filter(Boolean),
  ),
);

/** Text that is read into something else, or is not what is allowed. */
const readBy = <T>(read: (text: string) => T | undefined, allowed: string) =>
  v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }): T => {
      const value = read(dataset.value);
      if (value !== undefined) return value;
      addIssue({ message: allowed });
      return NEVER;
    }),
  );

const masterKey = readBy((value) => {
  const key = Buffer.from(value, 'base64');
  return key.length === 32 && key.toString('base64') === value ? key : undefined;
}, 'must be 32 bytes in base64: openssl rand -base64 32');

/** Exact origins, or one wildcard in place of the leftmost part of the host: `https://*.example.com`. */
const origins = v.pipe(
  list,
  v.check(
    (entries) => entries.every((entry) => /^https?:\/\/(?:\*\.)?[A-Za-z0-9.-]+(?::\d+)?$/.test(entry)),
    'must be origins like https://app.example.com or https://*.example.com',
  ),
);

const webhookUrls = v.pipe(
  list,
  v.check(
    (entries) => entries.every((entry) => URL.canParse(entry) && /^https?:$/.test(new URL(entry).protocol)),
    'must be http or https URLs, separated by commas',
  ),
);

const webhookEvents = v.pipe(list, v.array(oneOf(CHANNEL_EVENT_NAMES)));

/** `true`, `false`, or the channels that may carry client events. */
const clientEvents = readBy((value): boolean | string[] | undefined => {
  if (value === 'true' || value === 'false') return value === 'true';
  const channels = value.split(',').map((name) => name.trim());
  const wrong = channels.filter((name) => {
    const { access } = channelType(name);
    return channelNameProblem(name) !== undefined || (access !== 'private' && access !== 'presence');
  });
  return wrong.length === 0 ? channels : undefined;
}, 'must be true, false, or a comma-separated list of private- and presence- channels');

const redisUrl = readBy(
  redisAddress,
  'must be like redis://host:6379, rediss://:password@host:6379/0, redis://one:6379,two:6379 (a Redis Cluster) or ' +
    'redis-sentinel://one:26379,two:26379/0#primary; what is special in a password has to be percent-encoded',
);

/** Reads `SOCKET_PROVIDER`: one provider, or two that can stand beside each other; `undefined` where it is neither. */
export function providersOf(text: string): readonly [first: Provider, second?: Provider] | undefined {
  const [first, second, ...more] = text
    .split(',')
    .map((name) => PROVIDERS.find((known) => known === name.trim()));
  if (first === undefined || more.length > 0) return undefined;
  if (!text.includes(',')) return [first];
  // The fake is not a place that anything could be moved to.
  const canBeTwo = second !== undefined && second !== first && first !== 'memory' && second !== 'memory';
  return canBeTwo ? [first, second] : undefined;
}

const providers = readBy(
  providersOf,
  `must be one of: ${PROVIDERS.join(', ')}; or two of ws and pusher, the first of them first, like pusher,ws`,
);

/** Every variable of the library, its shape and its default. The order is the README's. */
export const variables = v.object({
  NODE_ENV: v.optional(v.string()),
  SOCKET_PROVIDER: v.optional(providers),
  SOCKET_SECOND_ROLE: v.optional(oneOf(SECOND_ROLES)),
  SOCKET_SECOND_RECHECK_S: v.optional(integer(1, 86_400), '30'),
  SOCKET_APP_ID: v.optional(urlSafe),
  SOCKET_APP_KEY: v.optional(urlSafe),
  SOCKET_APP_SECRET: v.optional(v.string()),
  SOCKET_ENCRYPTION_MASTER_KEY: v.optional(masterKey),
  SOCKET_BROADCAST_CHANNEL: v.optional(broadcastChannel, 'broadcast'),
  SOCKET_FAILURE: v.optional(oneOf(['report', 'throw'])),
  SOCKET_DELIVERY: v.optional(oneOf(DELIVERIES), 'direct'),
  SOCKET_RETRY_DEADLINE_MS: v.optional(integer(0, 604_800_000)),
  SOCKET_MAX_WAITING_RELAYS: v.optional(limit),
  SOCKET_MAX_WAITING_BYTES: v.optional(limit),
  SOCKET_BREAKER_FAILURES: v.optional(integer(0, 1_000_000), '5'),
  SOCKET_QUEUE_CONCURRENCY: v.optional(integer(0, 10_000)),
  SOCKET_MAX_DEAD_LETTERS: v.optional(limit),
  PUSHER_CLUSTER: v.optional(matching(/^[A-Za-z0-9-]+$/, 'must be a cluster name like eu or mt1')),
  PUSHER_HOST: v.optional(hostname),
  PUSHER_PORT: v.optional(port),
  PUSHER_SCHEME: v.optional(oneOf(['https', 'http']), 'https'),
  PUSHER_TIMEOUT_MS: v.optional(integer(1, 600_000), '5000'),
  PUSHER_BATCHING: v.optional(yesOrNo, 'true'),
  PUSHER_WS_HOST: v.optional(hostname),
  PUSHER_WS_PORT: v.optional(port),
  SOCKET_CLIENT_EVENTS: v.optional(clientEvents, 'false'),
  SOCKET_SUBSCRIPTION_COUNT: v.optional(yesOrNo, 'false'),
  SOCKET_HTTP_API: v.optional(yesOrNo, 'false'),
  SOCKET_HTTP_API_PORT: v.optional(port),
  SOCKET_WEBHOOK_URLS: v.optional(webhookUrls, ''),
  SOCKET_WEBHOOK_EVENTS: v.optional(webhookEvents, ''),
  SOCKET_WEBHOOK_PRIVATE_TARGETS: v.optional(yesOrNo, 'false'),
  SOCKET_ACTIVITY_TIMEOUT_S: v.optional(integer(1, 86_400), '120'),
  SOCKET_PONG_TIMEOUT_S: v.optional(integer(1, 3_600), '30'),
  SOCKET_PRESENCE_GRACE_MS: v.optional(integer(0, 600_000), '3000'),
  SOCKET_DRAIN_MS: v.optional(integer(0, 600_000), '5000'),
  SOCKET_ALLOWED_ORIGINS: v.optional(origins, ''),
  SOCKET_MAX_CONNECTIONS: v.optional(limit, '100000'),
  SOCKET_MAX_CONNECTIONS_PER_ADDRESS: v.optional(limit, '0'),
  SOCKET_MAX_CHANNELS: v.optional(limit, '1000000'),
  SOCKET_MAX_CHANNELS_PER_CONNECTION: v.optional(limit, '500'),
  SOCKET_MAX_MESSAGES_PER_SECOND: v.optional(limit, '1000'),
  SOCKET_MAX_SUBSCRIBES_PER_SECOND: v.optional(limit, '500'),
  SOCKET_MAX_CLIENT_EVENTS_PER_SECOND: v.optional(limit, '10'),
  SOCKET_MAX_EVENT_BYTES: v.optional(limit, '10240'),
  SOCKET_MAX_FRAME_BYTES: v.optional(limit, '65536'),
  SOCKET_MAX_BUFFERED_BYTES: v.optional(limit, '1048576'),
  SOCKET_MAX_PRESENCE_MEMBERS: v.optional(limit, '100'),
  SOCKET_UNAUTHORIZED_TIMEOUT_S: v.optional(limit, '0'),
  SOCKET_CLUSTER: v.optional(oneOf(CLUSTERS), 'local'),
  SOCKET_REDIS_URL: v.optional(redisUrl),
  SOCKET_REDIS_PREFIX: v.optional(
    matching(/^[A-Za-z0-9._:-]{1,64}$/, 'must be 1 to 64 letters, digits and . _ : -'),
    'switchboard',
  ),
});

/** A variable's name. */
export type Variable = keyof typeof variables.entries;

/** The variables whose value must never be shown. */
export const SECRET_VARIABLES: ReadonlySet<string> = new Set<Variable>([
  'SOCKET_APP_SECRET',
  'SOCKET_ENCRYPTION_MASTER_KEY',
]);
