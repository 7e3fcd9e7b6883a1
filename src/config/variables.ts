import { z } from 'zod';
import { channelNameProblem, channelType } from '../protocol/channel-name.js';
import { PROVIDERS } from '../ports/socket-config.js';

const integer = (minimum: number, maximum: number) =>
  z.coerce
    .number({ error: `must be a whole number from ${minimum} to ${maximum}` })
    .int(`must be a whole number from ${minimum} to ${maximum}`)
    .min(minimum, `must be a whole number from ${minimum} to ${maximum}`)
    .max(maximum, `must be a whole number from ${minimum} to ${maximum}`);
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

/** Every variable of the library, its shape and its default. The order is the README's. */
export const variables = z.object({
  NODE_ENV: z.string().optional(),
  SOCKET_PROVIDER: oneOf(PROVIDERS).optional(),
  SOCKET_APP_ID: urlSafe.optional(),
  SOCKET_APP_KEY: urlSafe.optional(),
  SOCKET_APP_SECRET: z.string().optional(),
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
  SOCKET_ACTIVITY_TIMEOUT_S: integer(1, 86_400).default(120),
  SOCKET_PONG_TIMEOUT_S: integer(1, 3_600).default(30),
  SOCKET_PRESENCE_GRACE_MS: integer(0, 600_000).default(3_000),
});

/** A variable's name. */
export type Variable = keyof typeof variables.shape;

/** The variables whose value must never be shown. */
export const SECRET_VARIABLES: ReadonlySet<string> = new Set<Variable>(['SOCKET_APP_SECRET']);
