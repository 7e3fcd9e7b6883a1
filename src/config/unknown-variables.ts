import { nearestName } from '../ports/arguments.js';
import type { Environment } from './settings.js';

/** Only these beginnings are ours. `PUSHER_BEAMS_…` belongs to another product. */
const OURS = /^(?:SOCKET_|PUSHER_(?!BEAMS_))/;

/** The names that the package `pusher` and other frameworks have, and what is called so here. */
const NAMES_ELSEWHERE: Readonly<Record<string, string>> = {
  PUSHER_APP_ID: 'SOCKET_APP_ID',
  PUSHER_KEY: 'SOCKET_APP_KEY',
  PUSHER_APP_KEY: 'SOCKET_APP_KEY',
  PUSHER_SECRET: 'SOCKET_APP_SECRET',
  PUSHER_APP_SECRET: 'SOCKET_APP_SECRET',
  PUSHER_APP_CLUSTER: 'PUSHER_CLUSTER',
  PUSHER_ENCRYPTION_MASTER_KEY: 'SOCKET_ENCRYPTION_MASTER_KEY',
  PUSHER_ENCRYPTION_MASTER_KEY_BASE64: 'SOCKET_ENCRYPTION_MASTER_KEY',
  PUSHER_USE_TLS: 'PUSHER_SCHEME',
};

/**
 * A warning of the variables that begin like ours and have no effect, without their values; `undefined` where there is none.
 *
 * @param known every variable that is read
 */
export function unknownVariables(environment: Environment, known: readonly string[]): string | undefined {
  const isGiven = (name: string) => (environment[name] ?? '') !== '';
  const unknown = Object.keys(environment)
    .filter((name) => OURS.test(name) && !known.includes(name) && isGiven(name))
    // Somebody else reads this one, and we were given our own.
    .filter((name) => !isGiven(NAMES_ELSEWHERE[name] ?? ''))
    .sort();
  if (unknown.length === 0) return undefined;
  const named = unknown.map((name) => {
    const here = NAMES_ELSEWHERE[name];
    if (here !== undefined) return `${name} (its name here is ${here})`;
    const near = nearestName(name, known);
    return near === undefined ? name : `${name} (did you mean ${near}?)`;
  });
  return `These variables have no effect: ${named.join(', ')}`;
}
