import * as v from 'valibot';
import { listWhere, oneOf, wholeNumber } from './kinds.js';
import { type Kind, setting } from './setting.js';

/** The name of an adapter: a built-in one, or one that the application brings. */
export type Provider = 'ws' | 'pusher' | 'socket-io' | 'memory' | (string & Record<never, never>);

/** One provider, or the first and the second of two. */
export type ProviderNames = readonly [first: Provider, second?: Provider];

/** The names that `SOCKET_PROVIDER` may have. */
export interface KnownProviders {
  readonly names: readonly string[];
  /** Those that may stand beside each other. */
  readonly pairable: readonly string[];
  /** Those with a gateway: browsers connect to this process. */
  readonly gateways: readonly string[];
}

/** The tasks of a second provider: it gets everything too (`mirror`), or takes over while the first one fails (`failover`). */
export const SECOND_ROLES = ['failover', 'mirror'] as const;

/** The provider, or two of them, and what the second of two is for. */
export const providerSettings = (known: KnownProviders) => ({
  /**
   * The provider: `ws` (this process is its own Pusher), `pusher` (hosted Pusher, or a server with the same HTTP API), `socket-io`
   * (this process is its own Socket.IO server), `memory` (the fake, for tests), or one of your own. Two of them, the first one
   * first, stand beside each other: `pusher,ws`.
   *
   * @see docs/failover.md
   * @default ws
   */
  provider: setting('SOCKET_PROVIDER', providerNames(known), { default: ['ws'] }),
  /**
   * Gateways beside that of the provider, like `socket-io` beside `ws`: their clients are on the same channels, as the same members.
   *
   * @see docs/socket-io.md#beside-pusher-js
   * @default []
   */
  gateways: setting('SOCKET_GATEWAYS', gatewayNames(known), { default: [] }),
  /** The second of two providers. */
  second: {
    /**
     * The task of the second of two providers: `failover` takes over while the first one fails, `mirror` gets everything too.
     *
     * @see docs/failover.md
     * @default failover, where there are two
     */
    role: setting('SOCKET_SECOND_ROLE', oneOf(SECOND_ROLES)),
    /**
     * Seconds until a page with the browser helper asks again which of two providers to be on.
     *
     * @see docs/failover.md#pages
     * @default 30
     */
    recheckS: setting('SOCKET_SECOND_RECHECK_S', wholeNumber(1, 86_400), { default: 30, unit: 's' }),
  },
});

function gatewayNames({ gateways }: KnownProviders): Kind<readonly Provider[]> {
  const allowed = `must be a list, each once, of: ${gateways.join(', ')}`;
  return listWhere(
    (entry, index, entries) => gateways.includes(entry) && entries.indexOf(entry) === index,
    allowed,
  );
}

function providerNames({
  names,
  pairable,
}: KnownProviders): Kind<ProviderNames, Provider | readonly [first: Provider, second: Provider]> {
  const allowed = allowedNames(names, pairable);
  const single = v.pipe(
    v.picklist(names, allowed),
    v.transform((name): ProviderNames => [name]),
  );
  const pair = v.pipe(
    v.strictTuple([v.picklist(pairable, allowed), v.picklist(pairable, allowed)], allowed),
    v.check(([first, second]) => first !== second, allowed),
  );
  return {
    fromText: (text) => (text.includes(',') ? text.split(',').map((name) => name.trim()) : text),
    schema: v.union([single, pair], allowed),
  };
}

function allowedNames(names: readonly string[], pairable: readonly string[]): string {
  const one = `must be one of: ${names.join(', ')}`;
  const [first, second] = pairable;
  if (first === undefined || second === undefined) return one;
  const choice = `${pairable.slice(0, -1).join(', ')} and ${pairable.at(-1) ?? ''}`;
  return `${one}; or two of ${choice}, the first of them first, like ${second},${first}`;
}
