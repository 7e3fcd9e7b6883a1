import { z } from 'zod';
import { channelNameProblem, channelType } from '../protocol/channel-name.js';
import { CHANNEL_EVENT_NAMES } from '../ports/channel-events.js';
import { CLUSTERS, PROVIDERS } from '../ports/socket-config.js';
import { redisAddress } from './redis-address.js';

const integer = (minimum: number, maximum: number) => {
  const allowed = `must be a whole number from ${minimum} to ${maximum}`;
  return z
    .string()
    .regex(/^\d+$/, allowed)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, allowed);
};
const port = integer(1, 65_535);
const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `must be one of: ${values.join(', ')}` });
const hostname = z
  .string()
  .regex(/^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])$/, 'must be a host name without scheme, port or path');
/** App ids and keys become part of URLs, so they are kept to what needs no escaping there. */
const urlSafe = z.string().regex(/^[A-Za-z0-9._-]+$/, 'may have letters, digits and . _ - only');

const broadcastChannel = z.string().superRefine((name, context) => {
  const problem = channelNameProblem(name);
  const type = channelType(name);
  if (problem !== undefined) context.addIssue(`must be a channel name: ${problem}`);
  else if (type.encrypted) context.addIssue('must not be an encrypted channel');
  else if (type.access === 'presence') context.addIssue('must be a public or a private- channel');
});

const yesOrNo = oneOf(['true', 'false']).transform((value) => value === 'true');
/** 0 is the off-switch of every limit. */
const limit = integer(0, 2 ** 31 - 1);
const list = z.string().transform((value) =>
  value
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean),
);

const masterKey = z.string().transform((value, context) => {
  const key = Buffer.from(value, 'base64');
  if (key.length === 32 && key.toString('base64') === value) return key;
  context.addIssue('must be 32 bytes in base64: openssl rand -base64 32');
  return z.NEVER;
});

/** Exact origins, or one wildcard in place of the leftmost part of the host: `https://*.example.com`. */
const origins = list.superRefine((entries, context) => {
  const wrong = entries.filter((entry) => !/^https?:\/\/(?:\*\.)?[A-Za-z0-9.-]+(?::\d+)?$/.test(entry));
  if (wrong.length > 0)
    context.addIssue('must be origins like https://app.example.com or https://*.example.com');
});

const webhookUrls = list.superRefine((entries, context) => {
  const wrong = entries.filter((entry) => !URL.canParse(entry) || !/^https?:$/.test(new URL(entry).protocol));
  if (wrong.length > 0) context.addIssue('must be http or https URLs, separated by commas');
});

const webhookEvents = list.pipe(z.array(oneOf(CHANNEL_EVENT_NAMES)));

/** `true`, `false`, or the channels that may carry client events. */
const clientEvents = z.string().transform((value, context) => {
  if (value === 'true' || value === 'false') return value === 'true';
  const channels = value.split(',').map((name) => name.trim());
  const wrong = channels.filter((name) => {
    const { access } = channelType(name);
    return channelNameProblem(name) !== undefined || (access !== 'private' && access !== 'presence');
  });
  if (wrong.length === 0) return channels;
  context.addIssue('must be true, false, or a comma-separated list of private- and presence- channels');
  return z.NEVER;
});

const redisUrl = z.string().transform((value, context) => {
  const address = redisAddress(value);
  if (address !== undefined) return address;
  context.addIssue(
    'must be like redis://host:6379, rediss://:password@host:6379/0, redis://one:6379,two:6379 (a Redis Cluster) or ' +
      'redis-sentinel://one:26379,two:26379/0#primary; what is special in a password has to be percent-encoded',
  );
  return z.NEVER;
});

/** Every variable of the library, its shape and its default. The order is the README's. */
export const variables = z.object({
  NODE_ENV: z.string().optional(),
  SOCKET_PROVIDER: oneOf(PROVIDERS).optional(),
  SOCKET_APP_ID: urlSafe.optional(),
  SOCKET_APP_KEY: urlSafe.optional(),
  SOCKET_APP_SECRET: z.string().optional(),
  SOCKET_ENCRYPTION_MASTER_KEY: masterKey.optional(),
  SOCKET_BROADCAST_CHANNEL: broadcastChannel.default('broadcast'),
  SOCKET_FAILURE: oneOf(['report', 'throw']).optional(),
  PUSHER_CLUSTER: z
    .string()
    .regex(/^[A-Za-z0-9-]+$/, 'must be a cluster name like eu or mt1')
    .optional(),
  PUSHER_HOST: hostname.optional(),
  PUSHER_PORT: port.optional(),
  PUSHER_SCHEME: oneOf(['https', 'http']).default('https'),
  PUSHER_TIMEOUT_MS: integer(1, 600_000).default(5_000),
  PUSHER_WS_HOST: hostname.optional(),
  PUSHER_WS_PORT: port.optional(),
  SOCKET_CLIENT_EVENTS: clientEvents.default(false),
  SOCKET_SUBSCRIPTION_COUNT: yesOrNo.default(false),
  SOCKET_HTTP_API: yesOrNo.default(false),
  SOCKET_HTTP_API_PORT: port.optional(),
  SOCKET_WEBHOOK_URLS: webhookUrls.default([]),
  SOCKET_WEBHOOK_EVENTS: webhookEvents.default([]),
  SOCKET_WEBHOOK_PRIVATE_TARGETS: yesOrNo.default(false),
  SOCKET_ACTIVITY_TIMEOUT_S: integer(1, 86_400).default(120),
  SOCKET_PONG_TIMEOUT_S: integer(1, 3_600).default(30),
  SOCKET_PRESENCE_GRACE_MS: integer(0, 600_000).default(3_000),
  SOCKET_ALLOWED_ORIGINS: origins.default([]),
  SOCKET_MAX_CONNECTIONS: limit.default(100_000),
  SOCKET_MAX_CONNECTIONS_PER_ADDRESS: limit.default(0),
  SOCKET_MAX_CHANNELS_PER_CONNECTION: limit.default(500),
  SOCKET_MAX_SUBSCRIBES_PER_SECOND: limit.default(500),
  SOCKET_MAX_CLIENT_EVENTS_PER_SECOND: limit.default(10),
  SOCKET_MAX_EVENT_BYTES: limit.default(10_240),
  SOCKET_MAX_FRAME_BYTES: limit.default(65_536),
  SOCKET_MAX_BUFFERED_BYTES: limit.default(1_048_576),
  SOCKET_MAX_PRESENCE_MEMBERS: limit.default(100),
  SOCKET_UNAUTHORIZED_TIMEOUT_S: limit.default(0),
  SOCKET_CLUSTER: oneOf(CLUSTERS).default('local'),
  SOCKET_REDIS_URL: redisUrl.optional(),
  SOCKET_REDIS_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9._:-]{1,64}$/, 'must be 1 to 64 letters, digits and . _ : -')
    .default('switchboard'),
});

/** A variable's name. */
export type Variable = keyof typeof variables.shape;

/** The variables whose value must never be shown. */
export const SECRET_VARIABLES: ReadonlySet<string> = new Set<Variable>([
  'SOCKET_APP_SECRET',
  'SOCKET_ENCRYPTION_MASTER_KEY',
]);
