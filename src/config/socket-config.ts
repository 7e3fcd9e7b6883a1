import type { SocketAdapter } from '../adapters/adapter.js';
import type { BuiltInConfig, BuiltInSections } from '../adapters/index.js';
import { isObject, kindOf, meant, nearestName, unknownNames } from '../ports/arguments.js';
import { messageOf, SocketConfigurationError } from '../ports/errors.js';
import type { SocketLogger } from '../ports/logger.js';
import { shown } from '../ports/logger.js';
import type { SocketConfig } from '../ports/socket-config.js';
import type { CoreSections } from '../settings/core.js';
import { DELIVERY_DEFAULTS, QUEUE_DEFAULTS } from '../settings/delivery.js';
import { type RedisClientOptions, redisOptionsProblems } from '../settings/redis-options.js';
import type { ConfigOf } from '../settings/setting.js';
import type { SettingProblem } from '../settings/setting-problem.js';
import { combinationProblems } from './combination-problems.js';
import { allSections, knownAdapters, OTHER_OPTIONS, providersAmong, variablesOf } from './known-adapters.js';
import type { Environment, SocketSettings } from './settings.js';
import { SettingsReader } from './settings-reader.js';
import { unknownVariables } from './unknown-variables.js';

/** The facts that a configuration depends on besides its settings. */
export interface SocketConfigOptions {
  /** Adapters besides the built-in ones: their names become valid for `SOCKET_PROVIDER`. @default [] */
  readonly adapters?: readonly SocketAdapter[];
  /** The path before `/app/<key>` in the gateway's URL, like `/ws`. @default '' */
  readonly gatewayPath?: string;
  /** The options of `ioredis` that `SOCKET_REDIS_URL` cannot carry. @default undefined, none */
  readonly redisOptions?: RedisClientOptions;
  /** Is warned of variables that begin like those of this package and have no effect. @default undefined, nobody is */
  readonly logger?: Pick<SocketLogger, 'warn'>;
}

const CONFIG_OPTIONS = Object.keys({
  adapters: true,
  gatewayPath: true,
  redisOptions: true,
  logger: true,
} satisfies Record<keyof SocketConfigOptions, true>);

/**
 * Turns the environment, with the settings given in code laid over it, into a complete configuration. Empty variables
 * count as absent. The settings of every adapter are read, so that switching to another one brings no surprise.
 *
 * @throws SocketConfigurationError that lists every problem at once, each with its variable, or its path in code,
 * and what is allowed
 */
export function socketConfig(
  environment: Environment,
  settings: SocketSettings = {},
  options: SocketConfigOptions = {},
): SocketConfig & BuiltInConfig {
  checkArguments(environment, settings, options);
  const { adapters: own = [], gatewayPath = '', redisOptions, logger } = options;
  const adapters = knownAdapters(own);
  const sections = allSections(adapters);
  const unknown = unknownVariables(environment, variablesOf(sections));
  if (unknown !== undefined) logger?.warn(unknown);
  const inCode = adapters.reduce((all, { settingsInCode }) => ({ ...all, ...settingsInCode }), settings);
  const reader = new SettingsReader(environment);
  const values = reader.read(sections, inCode, OTHER_OPTIONS);

  const { given, refused } = reader;
  const isProduction = isText(environment['NODE_ENV']) && environment['NODE_ENV'].trim() === 'production';
  const isKnown = given.has('SOCKET_PROVIDER') ? !refused.has('SOCKET_PROVIDER') : !isProduction;
  const isChosen = (name: string) => values.provider.includes(name) || values.gateways.includes(name);
  const chosen = isKnown ? adapters.filter(({ name }) => isChosen(name)) : undefined;
  const config = complete(values, given, chosen, gatewayPath, redisOptions);

  const { names } = providersAmong(adapters);
  const isDecided = ({ variable, decidedBy = [variable] }: SettingProblem) =>
    !decidedBy.some((name) => refused.has(name));
  const line = ({ variable, problem }: SettingProblem) => `${reader.nameOf(variable)}: ${problem}`;
  const problems = [
    ...reader.problems,
    ...combinationProblems({ config, given, isProduction, names, chosen }).filter(isDecided).map(line),
    ...adapters.flatMap((adapter) => {
      const found = adapterProblems(adapter, config, chosen?.includes(adapter) === true, given);
      return typeof found === 'string' ? [found] : found.filter(isDecided).map(line);
    }),
    ...pathProblems(gatewayPath),
    ...(redisOptions === undefined ? [] : redisOptionsProblems(redisOptions)),
  ];
  if (problems.length > 0) throw new SocketConfigurationError(problems);
  return config;
}

function complete(
  values: ConfigOf<CoreSections & BuiltInSections>,
  given: ReadonlySet<string>,
  chosen: readonly SocketAdapter[] | undefined,
  gatewayPath: string,
  redisOptions: RedisClientOptions | undefined,
): SocketConfig & BuiltInConfig {
  const {
    second,
    redis: { url: address, ...redis },
    ...rest
  } = values;
  const [provider, secondProvider] = values.provider;
  const isFake = chosen?.some(({ capabilities }) => capabilities?.isFake === true) === true;
  return {
    ...rest,
    provider,
    ...(secondProvider !== undefined && {
      second: { role: 'failover', ...second, provider: secondProvider },
    }),
    // The fake throws, so that tests are loud.
    failure: isFake && !given.has('SOCKET_FAILURE') ? 'throw' : values.failure,
    delivery: { ...DELIVERY_DEFAULTS[values.delivery.mode], ...QUEUE_DEFAULTS, ...values.delivery },
    gateway: { ...values.gateway, path: gatewayPath },
    redis: {
      ...redis,
      ...(address !== undefined && {
        address: { ...address, ...(redisOptions !== undefined && { options: redisOptions }) },
      }),
    },
  };
}

/** An adapter's mistake is a problem too, and hides no other. */
function adapterProblems(
  adapter: SocketAdapter,
  ...[config, isChosen, given]: Parameters<NonNullable<SocketAdapter['problems']>>
): readonly SettingProblem[] | string {
  try {
    return adapter.problems?.(config, isChosen, given) ?? [];
  } catch (error) {
    return `adapters: problems() of "${adapter.name}" failed: ${messageOf(error)}`;
  }
}

/** JavaScript may give anything. */
function checkArguments(environment: unknown, settings: unknown, options: unknown): void {
  const { adapters } = Object(options) as SocketConfigOptions;
  const problems = Object.entries({ env: environment, settings, options })
    .filter(([, value]) => !isObject(value))
    .map(([name, value]) => `${name}: must be an object; it is ${kindOf(value)}`);
  if (adapters !== undefined && !(Array.isArray(adapters) && adapters.every(isAdapter))) {
    const each = 'each an object with a name, create() and clientOptions()';
    problems.push(`adapters: must be a list of adapters, ${each}`);
  }
  for (const name of unknownNames(Object(options) as object, CONFIG_OPTIONS))
    problems.push(
      `options.${name}: is no option; ${meant(nearestName(name, CONFIG_OPTIONS), CONFIG_OPTIONS)}`,
    );
  if (problems.length > 0) throw new SocketConfigurationError(problems);
}

function isAdapter(value: unknown): boolean {
  const { name, create, clientOptions } = Object(value) as Partial<SocketAdapter>;
  return typeof name === 'string' && typeof create === 'function' && typeof clientOptions === 'function';
}

function pathProblems(gatewayPath: unknown): string[] {
  if (isText(gatewayPath) && /^(?:\/[A-Za-z0-9._~-]+)*$/.test(gatewayPath)) return [];
  return [`gatewayPath: must be empty or like /ws, without a slash at its end; it is ${shown(gatewayPath)}`];
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
