import type { SocketAdapter } from '../adapters/adapter.js';
import type { SocketConfig } from '../ports/socket-config.js';
import { DEVELOPMENT_APP } from '../settings/app.js';

/** As long as hosted Pusher's own. */
const SECRET_LENGTH = 20;

/** A configuration, and the facts that decide which combinations of its settings are wrong. */
export interface Combination {
  readonly config: SocketConfig;
  /** The variables that have a value, be it in the environment or in code. */
  readonly given: ReadonlySet<string>;
  readonly isProduction: boolean;
  /** The names that `SOCKET_PROVIDER` may have. */
  readonly names: readonly string[];
  /** The adapters of the configured providers; `undefined` where none is known. */
  readonly chosen: readonly SocketAdapter[] | undefined;
}

/** Finds problems between several settings that belong to no single adapter. */
export function combinationProblems(combination: Combination): string[] {
  return [
    ...providerProblems(combination),
    ...credentialProblems(combination),
    ...secondProblems(combination),
    ...queueProblems(combination),
    ...clusterProblems(combination),
  ];
}

function providerProblems({ given, isProduction, names }: Combination): string[] {
  if (given.has('SOCKET_PROVIDER') || !isProduction) return [];
  return [`SOCKET_PROVIDER: is required in production; one of: ${names.join(', ')}`];
}

function credentialProblems({ config, given, isProduction, chosen }: Combination): string[] {
  const demanding = chosen?.find(({ capabilities }) => capabilities?.needsCredentials === true);
  const isStrict = isProduction && (chosen?.some(usesCredentials) ?? true);
  const problems: string[] = [];
  if (demanding !== undefined || isStrict) {
    const reason = demanding === undefined ? 'in production' : `by the provider "${demanding.name}"`;
    for (const variable of ['SOCKET_APP_ID', 'SOCKET_APP_KEY', 'SOCKET_APP_SECRET'])
      if (!given.has(variable)) problems.push(`${variable}: is required ${reason}`);
  }
  const problem = isStrict && given.has('SOCKET_APP_SECRET') ? secretProblem(config.app.secret) : undefined;
  if (problem !== undefined) problems.push(`SOCKET_APP_SECRET: ${problem}`);
  return problems;
}

/** The fake signs too, but nobody is a stranger there. */
function usesCredentials({ capabilities = {} }: SocketAdapter): boolean {
  const { needsCredentials = false, signsInAsPusher = false, isFake = false } = capabilities;
  return needsCredentials || (signsInAsPusher && !isFake);
}

/** Every member sees signatures of texts it knows, and has time: only the secret's length stands against guessing it. */
function secretProblem(secret: string): string | undefined {
  if (secret === DEVELOPMENT_APP.secret)
    return 'the development secret is public knowledge; production needs one of its own';
  if (secret.length >= SECRET_LENGTH) return undefined;
  return `must be at least ${SECRET_LENGTH} characters in production; it is ${secret.length} characters`;
}

/** A setting that has no effect with one provider, and a setting that a failover needs. */
function secondProblems({ config, given, chosen }: Combination): string[] {
  if (chosen === undefined) return [];
  if (config.second === undefined) {
    return given.has('SOCKET_SECOND_ROLE')
      ? [`SOCKET_SECOND_ROLE: has no effect with one provider; SOCKET_PROVIDER is "${config.provider}"`]
      : [];
  }
  return config.second.role === 'failover' && config.delivery.breakerFailures === 0
    ? ['SOCKET_BREAKER_FAILURES: must not be 0 where a second provider takes over, which is when it opens']
    : [];
}

/**
 * Settings that have no effect without a queue, and settings that a queue needs. The process that delivers a relay may be
 * another one than the process that queued it.
 */
function queueProblems({ config, given, chosen }: Combination): string[] {
  if (config.delivery.mode !== 'queue') {
    return ['SOCKET_QUEUE_CONCURRENCY', 'SOCKET_MAX_DEAD_LETTERS']
      .filter((variable) => given.has(variable))
      .map((variable) => `${variable}: has no effect without SOCKET_DELIVERY=queue`);
  }
  const problems: string[] = [];
  const isFake = chosen?.some(({ capabilities }) => capabilities?.isFake === true) === true;
  if (!isFake && config.redis.address === undefined)
    problems.push('SOCKET_REDIS_URL: is required by SOCKET_DELIVERY=queue; like redis://host:6379');
  const clustered = chosen?.find(({ capabilities }) => capabilities?.isClustered === true);
  if (clustered !== undefined && config.cluster !== 'redis') {
    problems.push(
      `SOCKET_CLUSTER: has to be redis with SOCKET_DELIVERY=queue on "${clustered.name}": any process may bring a relay`,
    );
  }
  return problems;
}

function clusterProblems({ config }: Combination): string[] {
  if (config.cluster !== 'redis' || config.redis.address !== undefined) return [];
  return ['SOCKET_REDIS_URL: is required by SOCKET_CLUSTER=redis; like redis://host:6379'];
}
