import type { SocketAdapter } from '../adapters/adapter.js';
import type { BuiltInConfig, BuiltInSections } from '../adapters/index.js';
import { messageOf, SocketConfigurationError } from '../ports/errors.js';
import type { SocketConfig } from '../ports/socket-config.js';
import type { CoreSections } from '../settings/core.js';
import { DELIVERY_DEFAULTS, QUEUE_DEFAULTS } from '../settings/delivery.js';
import type { ConfigOf } from '../settings/setting.js';
import { combinationProblems } from './combination-problems.js';
import { allSections, knownAdapters, providersAmong } from './known-adapters.js';
import type { Environment, SocketSettings } from './settings.js';
import { SettingsReader } from './settings-reader.js';

/** The facts that a configuration depends on besides its settings. */
export interface SocketConfigOptions {
  /** Adapters besides the built-in ones: their names become valid for `SOCKET_PROVIDER`. @default [] */
  readonly adapters?: readonly SocketAdapter[];
  /** The path before `/app/<key>` in the gateway's URL, like `/ws`. @default '' */
  readonly gatewayPath?: string;
}

/**
 * Turns the environment, with the settings given in code laid over it, into a complete configuration. Empty variables
 * count as absent. The settings of every adapter are read, so that switching to another one brings no surprise.
 *
 * @throws SocketConfigurationError that lists every problem at once, each with its variable and what is allowed
 */
export function socketConfig(
  environment: Environment,
  settings: SocketSettings = {},
  { adapters: own = [], gatewayPath = '' }: SocketConfigOptions = {},
): SocketConfig & BuiltInConfig {
  const adapters = knownAdapters(own);
  const inCode = adapters.reduce((all, { settingsInCode }) => ({ ...all, ...settingsInCode }), settings);
  const reader = new SettingsReader(environment);
  const values = reader.read(allSections(adapters), inCode);

  const { given, refused } = reader;
  const isProduction = environment['NODE_ENV']?.trim() === 'production';
  const isKnown = given.has('SOCKET_PROVIDER') ? !refused.has('SOCKET_PROVIDER') : !isProduction;
  const chosen = isKnown ? adapters.filter(({ name }) => values.provider.includes(name)) : undefined;
  const config = complete(values, given, chosen, gatewayPath);

  const { names } = providersAmong(adapters);
  const combinations = [
    ...combinationProblems({ config, given, isProduction, names, chosen }),
    ...adapters.flatMap((adapter) =>
      adapterProblems(adapter, config, chosen?.includes(adapter) === true, given),
    ),
  ];
  const problems = [
    ...reader.problems,
    ...combinations.filter((line) => isDecided(line, refused)),
    ...pathProblems(gatewayPath),
  ];
  if (problems.length > 0) throw new SocketConfigurationError(problems);
  return config;
}

function complete(
  values: ConfigOf<CoreSections & BuiltInSections>,
  given: ReadonlySet<string>,
  chosen: readonly SocketAdapter[] | undefined,
  gatewayPath: string,
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
    redis: { ...redis, ...(address !== undefined && { address }) },
  };
}

/** An adapter's mistake must not hide the other problems. */
function adapterProblems(
  adapter: SocketAdapter,
  ...[config, isChosen, given]: Parameters<NonNullable<SocketAdapter['problems']>>
): readonly string[] {
  try {
    return adapter.problems?.(config, isChosen, given) ?? [];
  } catch (error) {
    return [`adapters: problems() of "${adapter.name}" failed: ${messageOf(error)}`];
  }
}

/**
 * Whether a line holds whatever the refused variables are meant to be. A refused value decides nothing; but a variable that has
 * no effect, or has to be another one, is so with any value.
 */
function isDecided(line: string, refused: ReadonlySet<string>): boolean {
  const [subject = '', ...others] = line.match(/\w+/g) ?? [];
  if (others.some((word) => refused.has(word))) return false;
  return !refused.has(subject) || / has (?:no effect without|to be) /.test(line);
}

function pathProblems(gatewayPath: string): string[] {
  if (/^(?:\/[A-Za-z0-9._~-]+)*$/.test(gatewayPath)) return [];
  return [`gatewayPath: must be empty or like /ws, without a slash at its end; it is "${gatewayPath}"`];
}
