import * as v from 'valibot';
import { SocketConfigurationError } from '../ports/errors.js';
import { LIMITS } from '../ports/limits.js';
import {
  type AppCredentials,
  type Provider,
  SECOND_ROLES,
  type SocketConfig,
} from '../ports/socket-config.js';
import { isPrivateHost } from '../protocol/public-address.js';
import { type Environment, settingsAsVariables, type SocketSettings } from './settings.js';
import { providersOf, SECRET_VARIABLES, type Variable, variables } from './variables.js';

type Values = v.InferOutput<typeof variables>;

/** What stands in for missing credentials outside production, so that the gateway starts with no environment at all. */
export const DEVELOPMENT_APP: AppCredentials = Object.freeze({
  id: 'switchboard',
  key: 'switchboard-key',
  secret: 'switchboard-secret',
});

/** As long as hosted Pusher's own. */
const SECRET_LENGTH = 20;

/** What waits in memory waits for a bad minute, what waits in Redis for an outage of hours. */
const DELIVERY_DEFAULTS = {
  direct: { retryDeadlineMs: 30_000, waitingRelays: 10_000, waitingBytes: 16_777_216 },
  queue: { retryDeadlineMs: 86_400_000, waitingRelays: 1_000_000, waitingBytes: 1_073_741_824 },
} as const;

/**
 * Turns the environment, with the settings given in code laid over it, into a complete configuration. Empty variables
 * count as absent.
 *
 * @param gatewayPath what stands before `/app/<key>` in the gateway's URL
 * @throws SocketConfigurationError that lists every problem at once, each with its variable and what is allowed
 */
export function socketConfig(
  environment: Environment,
  settings: SocketSettings = {},
  gatewayPath = '',
): SocketConfig {
  const given = { ...environment, ...settingsAsVariables(settings) };
  const relevant = Object.fromEntries(
    Object.keys(variables.entries).map((name) => [name, given[name]?.trim() || undefined]),
  );
  const parsed = v.safeParse(variables, relevant);
  const problems = parsed.success
    ? []
    : [...new Set(parsed.issues.map((issue) => describe(issue, relevant)))];
  problems.push(...combinationProblems(relevant));
  if (!/^(?:\/[A-Za-z0-9._~-]+)*$/.test(gatewayPath)) {
    problems.push(
      `gatewayPath: must be empty or like /ws, without a slash at its end; it is "${gatewayPath}"`,
    );
  }
  if (!parsed.success || problems.length > 0) throw new SocketConfigurationError(problems);
  return complete(parsed.output, gatewayPath);
}

function complete(values: Values, gatewayPath: string): SocketConfig {
  const [provider, second] = values.SOCKET_PROVIDER ?? ['ws'];
  const defaults = DELIVERY_DEFAULTS[values.SOCKET_DELIVERY];
  return {
    provider,
    ...(second !== undefined && {
      second: {
        provider: second,
        role: values.SOCKET_SECOND_ROLE ?? 'failover',
        recheckS: values.SOCKET_SECOND_RECHECK_S,
      },
    }),
    app: {
      id: values.SOCKET_APP_ID ?? DEVELOPMENT_APP.id,
      key: values.SOCKET_APP_KEY ?? DEVELOPMENT_APP.key,
      secret: values.SOCKET_APP_SECRET ?? DEVELOPMENT_APP.secret,
    },
    ...(values.SOCKET_ENCRYPTION_MASTER_KEY !== undefined && {
      encryptionMasterKey: values.SOCKET_ENCRYPTION_MASTER_KEY,
    }),
    broadcastChannel: values.SOCKET_BROADCAST_CHANNEL,
    // The fake throws, so that tests are loud.
    failure: values.SOCKET_FAILURE ?? (provider === 'memory' ? 'throw' : 'report'),
    delivery: {
      mode: values.SOCKET_DELIVERY,
      retryDeadlineMs: values.SOCKET_RETRY_DEADLINE_MS ?? defaults.retryDeadlineMs,
      waitingRelays: values.SOCKET_MAX_WAITING_RELAYS ?? defaults.waitingRelays,
      waitingBytes: values.SOCKET_MAX_WAITING_BYTES ?? defaults.waitingBytes,
      breakerFailures: values.SOCKET_BREAKER_FAILURES,
      queueConcurrency: values.SOCKET_QUEUE_CONCURRENCY ?? 64,
      deadLetters: values.SOCKET_MAX_DEAD_LETTERS ?? 10_000,
    },
    pusher: {
      scheme: values.PUSHER_SCHEME,
      timeoutMs: values.PUSHER_TIMEOUT_MS,
      batching: values.PUSHER_BATCHING,
      ...(values.PUSHER_CLUSTER !== undefined && { cluster: values.PUSHER_CLUSTER }),
      ...(values.PUSHER_HOST !== undefined && { host: values.PUSHER_HOST }),
      ...(values.PUSHER_PORT !== undefined && { port: values.PUSHER_PORT }),
      ...(values.PUSHER_WS_HOST !== undefined && { wsHost: values.PUSHER_WS_HOST }),
      ...(values.PUSHER_WS_PORT !== undefined && { wsPort: values.PUSHER_WS_PORT }),
    },
    gateway: {
      path: gatewayPath,
      clientEvents: values.SOCKET_CLIENT_EVENTS,
      activityTimeoutS: values.SOCKET_ACTIVITY_TIMEOUT_S,
      pongTimeoutS: values.SOCKET_PONG_TIMEOUT_S,
      presenceGraceMs: values.SOCKET_PRESENCE_GRACE_MS,
      drainMs: values.SOCKET_DRAIN_MS,
      subscriptionCount: values.SOCKET_SUBSCRIPTION_COUNT,
      allowedOrigins: values.SOCKET_ALLOWED_ORIGINS,
      limits: {
        connections: values.SOCKET_MAX_CONNECTIONS,
        connectionsPerAddress: values.SOCKET_MAX_CONNECTIONS_PER_ADDRESS,
        channels: values.SOCKET_MAX_CHANNELS,
        channelsPerConnection: values.SOCKET_MAX_CHANNELS_PER_CONNECTION,
        messagesPerSecond: values.SOCKET_MAX_MESSAGES_PER_SECOND,
        subscribesPerSecond: values.SOCKET_MAX_SUBSCRIBES_PER_SECOND,
        clientEventsPerSecond: values.SOCKET_MAX_CLIENT_EVENTS_PER_SECOND,
        eventBytes: values.SOCKET_MAX_EVENT_BYTES,
        frameBytes: values.SOCKET_MAX_FRAME_BYTES,
        bufferedBytes: values.SOCKET_MAX_BUFFERED_BYTES,
        presenceMembers: values.SOCKET_MAX_PRESENCE_MEMBERS,
        unauthorizedS: values.SOCKET_UNAUTHORIZED_TIMEOUT_S,
      },
    },
    httpApi: {
      enabled: values.SOCKET_HTTP_API,
      ...(values.SOCKET_HTTP_API_PORT !== undefined && { port: values.SOCKET_HTTP_API_PORT }),
    },
    webhooks: {
      urls: values.SOCKET_WEBHOOK_URLS,
      events: values.SOCKET_WEBHOOK_EVENTS,
      privateTargets: values.SOCKET_WEBHOOK_PRIVATE_TARGETS,
    },
    cluster: values.SOCKET_CLUSTER,
    redis: {
      prefix: values.SOCKET_REDIS_PREFIX,
      ...(values.SOCKET_REDIS_URL !== undefined && { address: values.SOCKET_REDIS_URL }),
    },
  };
}

/** What no variable can be blamed for alone. Looks at what was given, so that it can be told with all other problems. */
function combinationProblems(given: Readonly<Record<string, string | undefined>>): string[] {
  const problems: string[] = [];
  const isProduction = given['NODE_ENV'] === 'production';
  const provider = given['SOCKET_PROVIDER'] ?? (isProduction ? undefined : 'ws');
  const providers = provider === undefined ? undefined : providersOf(provider);
  const hasPusher = providers?.includes('pusher') === true;
  if (provider === undefined)
    problems.push('SOCKET_PROVIDER: is required in production; one of: ws, pusher, memory');
  if (hasPusher || (provider !== 'memory' && isProduction)) {
    const reason = hasPusher ? 'by the provider "pusher"' : 'in production';
    for (const name of ['SOCKET_APP_ID', 'SOCKET_APP_KEY', 'SOCKET_APP_SECRET']) {
      if (given[name] === undefined) problems.push(`${name}: is required ${reason}`);
    }
  }
  if (isProduction && provider !== ('memory' satisfies Provider)) {
    const problem = secretProblem(given['SOCKET_APP_SECRET']);
    if (problem !== undefined) problems.push(`SOCKET_APP_SECRET: ${problem}`);
  }
  if (providers !== undefined) problems.push(...secondProblems(given, providers));
  const eventBytes = Number(given['SOCKET_MAX_EVENT_BYTES'] ?? LIMITS.payloadBytes);
  if (hasPusher && (eventBytes === 0 || eventBytes > LIMITS.payloadBytes)) {
    problems.push(
      `SOCKET_MAX_EVENT_BYTES: hosted Pusher takes at most ${LIMITS.payloadBytes}; it is ${eventBytes}`,
    );
  }
  if (hasPusher && given['PUSHER_CLUSTER'] === undefined && given['PUSHER_HOST'] === undefined) {
    problems.push(
      'PUSHER_CLUSTER: is required by the provider "pusher", unless PUSHER_HOST names a compatible server',
    );
  }
  if (given['SOCKET_HTTP_API_PORT'] !== undefined && (given['SOCKET_HTTP_API'] ?? 'false') === 'false') {
    problems.push('SOCKET_HTTP_API_PORT: has no effect without SOCKET_HTTP_API=true');
  }
  if (
    given['SOCKET_DELIVERY'] === 'queue' &&
    provider !== 'memory' &&
    given['SOCKET_REDIS_URL'] === undefined
  ) {
    problems.push('SOCKET_REDIS_URL: is required by SOCKET_DELIVERY=queue; like redis://host:6379');
  }
  problems.push(...queueProblems(given, providers));
  if (given['SOCKET_CLUSTER'] === 'redis' && given['SOCKET_REDIS_URL'] === undefined) {
    problems.push('SOCKET_REDIS_URL: is required by SOCKET_CLUSTER=redis; like redis://host:6379');
  }
  if ((given['SOCKET_WEBHOOK_PRIVATE_TARGETS'] ?? 'false') === 'false') {
    const hosts = hostsOf(given['SOCKET_WEBHOOK_URLS'] ?? '').filter(isPrivateHost);
    const remedy = 'SOCKET_WEBHOOK_PRIVATE_TARGETS=true allows it';
    for (const host of new Set(hosts)) {
      problems.push(`SOCKET_WEBHOOK_URLS: ${host} is not a public address; ${remedy}`);
    }
  }
  return problems;
}

/** What cannot be with two providers, and what needs two. */
function secondProblems(
  given: Readonly<Record<string, string | undefined>>,
  [first, second]: readonly [Provider, Provider?],
): string[] {
  const role = given['SOCKET_SECOND_ROLE'];
  if (second === undefined) {
    return SECOND_ROLES.some((known) => known === role)
      ? [`SOCKET_SECOND_ROLE: has no effect with one provider; SOCKET_PROVIDER is "${first}"`]
      : [];
  }
  return (role ?? 'failover') === 'failover' && Number(given['SOCKET_BREAKER_FAILURES']) === 0
    ? ['SOCKET_BREAKER_FAILURES: must not be 0 where a second provider takes over, which is when it opens']
    : [];
}

/** Every member sees signatures of texts it knows, and has time: only the secret's length stands against guessing it. */
function secretProblem(secret: string | undefined): string | undefined {
  if (secret === DEVELOPMENT_APP.secret) {
    return 'the development secret is public knowledge; production needs one of its own';
  }
  if (secret === undefined || secret.length >= SECRET_LENGTH) return undefined;
  return `must be at least ${SECRET_LENGTH} characters in production; it is ${secret.length} characters`;
}

/** What only a queue has, and what it needs of the gateway: another process may bring what this one hands in. */
function queueProblems(
  given: Readonly<Record<string, string | undefined>>,
  providers: readonly (Provider | undefined)[] | undefined,
): string[] {
  if (given['SOCKET_DELIVERY'] !== 'queue') {
    return ['SOCKET_QUEUE_CONCURRENCY', 'SOCKET_MAX_DEAD_LETTERS']
      .filter((name) => given[name] !== undefined)
      .map((name) => `${name}: has no effect without SOCKET_DELIVERY=queue`);
  }
  if (providers?.includes('ws') !== true || given['SOCKET_CLUSTER'] === 'redis') return [];
  return [
    'SOCKET_CLUSTER: has to be redis with SOCKET_DELIVERY=queue on "ws": any process may bring a relay',
  ];
}

/** The hosts of the URLs in a list, as far as they are any. */
function hostsOf(urls: string): string[] {
  return urls.split(',').flatMap((url) => (URL.canParse(url) ? new URL(url).hostname : []));
}

function describe(issue: v.InferIssue<typeof variables>, given: Readonly<Record<string, unknown>>): string {
  const name = String(issue.path?.[0].key);
  const value = given[name];
  const shown = SECRET_VARIABLES.has(name)
    ? `${String(value).length} characters`
    : JSON.stringify(withoutSecrets(name, String(value)));
  return `${name}: ${issue.message}; it is ${shown}`;
}

/** An address may carry a user and a password, and a token in what follows its path: `https://user:password@host?token`. */
function withoutSecrets(name: string, text: string): string {
  // A password that was not percent-encoded may have anything in it.
  if (name === ('SOCKET_REDIS_URL' satisfies Variable)) text = text.replace(/^.*@/s, '…@');
  return text.replace(/\/\/[^/@\s,]*@/g, '//…@').replace(/(\/\/[^?#]*)[?#].*?(?=,\s*\w+:\/\/|$)/gs, '$1?…');
}
