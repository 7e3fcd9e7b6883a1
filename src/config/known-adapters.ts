import type { SocketAdapter } from '../adapters/adapter.js';
import { BUILT_IN_ADAPTERS, type BuiltInSections } from '../adapters/index.js';
import { SocketConfigurationError } from '../ports/errors.js';
import { type CoreSections, coreSettings } from '../settings/core.js';
import type { KnownProviders } from '../settings/provider.js';
import { type Section, settingsIn } from '../settings/setting.js';

/** The options of `SocketModule.forRoot` that are no settings. */
export const OTHER_OPTIONS: readonly string[] = [
  'adapters',
  'env',
  'gatewayPath',
  'identify',
  'metrics',
  'onRelayError',
  'path',
  'redisOptions',
];

/** Variables that are read, although they are no settings. */
const OTHER_VARIABLES = ['NODE_ENV', 'PORT'];

/** The form of an adapter's name. */
const NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/**
 * The built-in adapters, and those of the application.
 *
 * @throws SocketConfigurationError when two of them cannot be told apart, or claim the same section or variable
 */
export function knownAdapters(own: readonly SocketAdapter[]): readonly SocketAdapter[] {
  const adapters = [...BUILT_IN_ADAPTERS, ...own];
  const problems = [...nameProblems(adapters), ...settingsProblems(adapters)];
  if (problems.length > 0) throw new SocketConfigurationError(problems);
  return adapters;
}

/**
 * The names that `SOCKET_PROVIDER` may have. The fake cannot be one of two providers, because no application migrates to it.
 */
export function providersAmong(adapters: readonly SocketAdapter[]): KnownProviders {
  const pairable = adapters.filter(({ capabilities }) => capabilities?.isFake !== true);
  const gateways = adapters.filter(({ capabilities }) => capabilities?.hasGateway === true);
  return {
    names: adapters.map(({ name }) => name),
    pairable: pairable.map(({ name }) => name),
    gateways: gateways.map(({ name }) => name),
  };
}

/**
 * Every section of the configuration, in the order of the documentation: those of no adapter, and then the adapters'.
 *
 * @param adapters from {@link knownAdapters}: the built-in ones are among them, and no two have a section of the same name
 */
export function allSections(adapters: readonly SocketAdapter[]): CoreSections & BuiltInSections {
  const ofAdapters = adapters.flatMap(({ settings = {} }) => Object.entries(settings));
  return {
    ...coreSettings(providersAmong(adapters)),
    // The built-in adapters' are among them.
    ...(Object.fromEntries(ofAdapters) as unknown as BuiltInSections),
  };
}

/** Every variable that is read. */
export function variablesOf(sections: Section): readonly string[] {
  return [...OTHER_VARIABLES, ...settingsIn(sections).map(([, { variable }]) => variable)];
}

function nameProblems(adapters: readonly SocketAdapter[]): string[] {
  const names = adapters.map(({ name }) => name);
  return [
    ...names
      .filter((name) => !NAME.test(name))
      .map((name) => `adapters: a name has lower-case letters, digits and hyphens only; it is "${name}"`),
    ...repeated(names).map((name) => `adapters: two of them have the name "${name}"`),
  ];
}

/** Every section and every variable has one owner. */
function settingsProblems(adapters: readonly SocketAdapter[]): string[] {
  const owners = [
    { owner: 'the package', sections: coreSettings(providersAmong(adapters)) },
    ...adapters.map(({ name, settings = {} }) => ({ owner: `the adapter "${name}"`, sections: settings })),
  ];
  const reserved = [
    ...OTHER_VARIABLES.map((name) => `the variable ${name}`),
    ...[...OTHER_OPTIONS, 'constructor', '__proto__'].map((name) => `the section "${name}"`),
  ].map((what) => ({ owner: 'the package', what }));
  const claims = [...reserved, ...owners.flatMap(claimsOf)];
  return repeated(claims.map(({ what }) => what)).map((what) => {
    const claimants = claims.filter((claim) => claim.what === what).map(({ owner }) => owner);
    return `adapters: ${what} can have one owner only, and not ${claimants.join(' and ')}`;
  });
}

function claimsOf({ owner, sections }: { readonly owner: string; readonly sections: Section }) {
  const variables = settingsIn(sections).map(([, { variable }]) => variable);
  return [
    ...Object.keys(sections).map((name) => ({ owner, what: `the section "${name}"` })),
    ...variables.map((variable) => ({ owner, what: `the variable ${variable}` })),
  ];
}

function repeated(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
