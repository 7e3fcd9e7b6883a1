import type { SocketAdapter } from '../adapters/adapter.js';
import type { SocketConfig } from '../ports/socket-config.js';
import { DEVELOPMENT_APP } from '../settings/app.js';
import type { SettingProblem } from '../settings/setting-problem.js';

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
export function combinationProblems(combination: Combination): SettingProblem[] {
  return [
    ...providerProblems(combination),
    ...credentialProblems(combination),
    ...secondProblems(combination),
    ...gatewayProblems(combination),
    ...queueProblems(combination),
    ...clusterProblems(combination),
  ];
}

function providerProblems({ given, isProduction, names, chosen }: Combination): SettingProblem[] {
  if (!isProduction) return [];
  const variable = 'SOCKET_PROVIDER';
  if (!given.has(variable))
    return [{ variable, problem: `is required in production; one of: ${names.join(', ')}` }];
  const fake = chosen?.find(({ capabilities }) => capabilities?.isFake === true);
  if (fake === undefined) return [];
  return [
    {
      variable,
      problem: `must not be "${fake.name}" in production: it is a fake for tests, and its relays reach nobody`,
    },
  ];
}

function credentialProblems({ config, given, isProduction, chosen }: Combination): SettingProblem[] {
  const demanding = chosen?.find(({ capabilities }) => capabilities?.needsCredentials === true);
  const isStrict = isProduction && (chosen?.some(usesCredentials) ?? true);
  const problems: SettingProblem[] = [];
  if (demanding !== undefined || isStrict) {
    const reason = demanding === undefined ? 'in production' : `by the provider "${demanding.name}"`;
    for (const variable of ['SOCKET_APP_ID', 'SOCKET_APP_KEY', 'SOCKET_APP_SECRET'])
      if (!given.has(variable)) problems.push({ variable, problem: `is required ${reason}` });
  }
  const problem = isStrict && given.has('SOCKET_APP_SECRET') ? secretProblem(config.app.secret) : undefined;
  if (problem !== undefined) problems.push({ variable: 'SOCKET_APP_SECRET', problem });
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
function secondProblems({ config, given, chosen }: Combination): SettingProblem[] {
  if (chosen === undefined) return [];
  if (config.second === undefined) {
    if (!given.has('SOCKET_SECOND_ROLE')) return [];
    const problem = `has no effect with one provider; SOCKET_PROVIDER is "${config.provider}"`;
    return [{ variable: 'SOCKET_SECOND_ROLE', problem, decidedBy: ['SOCKET_PROVIDER'] }];
  }
  if (config.second.role !== 'failover' || config.delivery.breakerFailures !== 0) return [];
  const problem = 'must not be 0 where a second provider takes over, which is when it opens';
  const variable = 'SOCKET_BREAKER_FAILURES';
  return [{ variable, problem, decidedBy: [variable, 'SOCKET_SECOND_ROLE'] }];
}

/** A gateway beside another one needs that other one, whose engine it is on. */
function gatewayProblems({ config, chosen }: Combination): SettingProblem[] {
  const variable = 'SOCKET_GATEWAYS';
  const decidedBy = [variable, 'SOCKET_PROVIDER'];
  const providers = [config.provider, config.second?.provider];
  if (chosen === undefined || config.gateways.length === 0) return [];
  const twice = config.gateways.find((name) => providers.includes(name));
  if (twice !== undefined)
    return [
      { variable, problem: `"${twice}" is a provider already; name the gateways beside it`, decidedBy },
    ];
  const hosts = chosen.filter(
    ({ name, capabilities }) => providers.includes(name) && capabilities?.hasGateway === true,
  );
  if (hosts.length === 1) return [];
  const found = hosts.length === 0 ? 'none' : 'two';
  const problem = `needs one provider with a gateway, and SOCKET_PROVIDER has ${found} of that kind`;
  return [{ variable, problem, decidedBy }];
}

/**
 * Settings that have no effect without a queue, and settings that a queue needs. The process that delivers a relay may be
 * another one than the process that queued it.
 */
function queueProblems({ config, given, chosen }: Combination): SettingProblem[] {
  const decidedBy = ['SOCKET_DELIVERY'];
  if (config.delivery.mode !== 'queue') {
    const problem = 'has no effect without SOCKET_DELIVERY=queue';
    return ['SOCKET_QUEUE_CONCURRENCY', 'SOCKET_MAX_DEAD_LETTERS']
      .filter((variable) => given.has(variable))
      .map((variable) => ({ variable, problem, decidedBy }));
  }
  const problems: SettingProblem[] = [];
  const isFake = chosen?.some(({ capabilities }) => capabilities?.isFake === true) === true;
  if (!isFake && config.redis.address === undefined)
    problems.push(missingRedis('is required by SOCKET_DELIVERY=queue'));
  const clustered = chosen?.find(({ capabilities }) => capabilities?.isClustered === true);
  if (clustered !== undefined && config.cluster !== 'redis') {
    const problem = `has to be redis with SOCKET_DELIVERY=queue on "${clustered.name}": any process may bring a relay`;
    problems.push({ variable: 'SOCKET_CLUSTER', problem, decidedBy });
  }
  return problems;
}

function clusterProblems({ config }: Combination): SettingProblem[] {
  if (config.cluster !== 'redis' || config.redis.address !== undefined) return [];
  return [missingRedis('is required by SOCKET_CLUSTER=redis')];
}

function missingRedis(reason: string): SettingProblem {
  return { variable: 'SOCKET_REDIS_URL', problem: `${reason}; like redis://host:6379` };
}
