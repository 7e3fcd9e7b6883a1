import { ConnectError } from './connect-error.js';
import { type Position, sinceIn } from './history/position.js';
import type { PositionStorage } from './history/positions.js';

/**
 * Headers that identify the member, or a function that returns them, or a promise of them, before every request, for a token
 * that is renewed.
 */
export type HeadersSource =
  Record<string, string> | (() => Record<string, string> | Promise<Record<string, string>>);

/** The options of {@link connect}. */
export interface ConnectOptions {
  /**
   * The backend's address as the page reaches it: `https://api.example.com`, with a path where a proxy has one
   * (`https://example.com/api`), or only a path on the page's own origin (`/api`). @default '' (the page's own)
   */
  readonly url?: string;
  /** The path of the endpoints of `SocketModule`, after `url`. @default '/socket' */
  readonly path?: string;
  /** The headers of every request to the backend. A function that fails is asked again. @default {} */
  readonly headers?: HeadersSource;
  /**
   * Whether requests to the backend carry cookies, as in `fetch`: `include` also to another origin, which has to allow it.
   * @default 'same-origin'
   */
  readonly credentials?: 'omit' | 'same-origin' | 'include';
  /**
   * Connects without signing in: for a visitor who is nobody yet, and hears broadcasts and public channels. `signIn()` signs in
   * later. @default false
   */
  readonly guest?: boolean;
  /**
   * Milliseconds until `connect` and `signIn` give up. Until then everything that can succeed later is tried again. 0 never gives
   * up. @default 30_000
   */
  readonly timeoutMs?: number;
  /** Milliseconds that one request to the backend may take, with the headers for it; 0 is without a limit. @default 10_000 */
  readonly requestTimeoutMs?: number;
  /**
   * Keeps the position of every channel with a history, so that the page goes on from there after it was loaded again. `sessionStorage`
   * is the tab's own; tabs share `localStorage`. @default undefined, a page that is loaded begins with what is live
   */
  readonly storage?: PositionStorage;
  /**
   * Positions that answers of the backend carried, by the names of channels; `members` is the member's own channel, and `broadcast` the
   * broadcast channel. Each goes before that of the storage, once. @default {}
   */
  readonly since?: Readonly<Record<string, string>>;
  /** Ends everything when it is aborted: `connect` rejects, and a connection that was made is ended for good. @default undefined */
  readonly signal?: AbortSignal;
}

/** The same with the defaults, checked; with one address instead of two parts of it. */
export type CheckedOptions = Required<
  Omit<ConnectOptions, 'url' | 'path' | 'signal' | 'credentials' | 'storage' | 'since'>
> &
  Pick<ConnectOptions, 'signal' | 'credentials' | 'storage'> & {
    /** The address of the endpoints of `SocketModule`, without a slash at the end. */
    readonly base: string;
    /** The positions to begin at, by the names that the application gave. */
    readonly since: ReadonlyMap<string, Position>;
  };

const NAMES = Object.keys({
  url: 1,
  path: 1,
  headers: 1,
  credentials: 1,
  guest: 1,
  timeoutMs: 1,
  requestTimeoutMs: 1,
  storage: 1,
  since: 1,
  signal: 1,
} satisfies Record<keyof ConnectOptions, 1>);

/** @throws ConnectError that names the option, its value and what is allowed */
export function checked(options: ConnectOptions): CheckedOptions {
  const unknown = Object.entries(options).find(
    ([name, value]) => value !== undefined && !NAMES.includes(name),
  );
  if (unknown !== undefined)
    throw new ConnectError('INVALID_OPTION', `${unknown[0]}: is no option. There are: ${NAMES.join(', ')}`);
  const { url = '', path = '/socket', headers = {}, guest = false, since = {}, ...rest } = options;
  checkStorage(options.storage);
  return {
    ...rest,
    base: baseOf(url, path),
    headers,
    guest,
    timeoutMs: milliseconds('timeoutMs', options.timeoutMs, 30_000),
    requestTimeoutMs: milliseconds('requestTimeoutMs', options.requestTimeoutMs, 10_000),
    since: new Map(Object.entries(since).map(([name, text]) => [name, sinceIn(text, `since["${name}"]`)])),
  };
}

function checkStorage(storage: PositionStorage | undefined): void {
  if (storage === undefined) return;
  for (const method of ['getItem', 'setItem', 'removeItem'])
    if (typeof Reflect.get(storage, method) !== 'function')
      throw new ConnectError(
        'INVALID_OPTION',
        `storage: it has no method ${method}. It must be sessionStorage, localStorage, or an object with getItem, setItem and removeItem`,
      );
}

function baseOf(url: string, path: string): string {
  const isAbsolute = /^https?:\/\/./i.test(url);
  if (!isAbsolute && url !== '' && !url.startsWith('/'))
    throw invalid(
      'url',
      url,
      'an address with https:// or http://, a path that begins with "/", or left out for the page’s own origin',
    );
  if (!isAbsolute && !('location' in globalThis))
    throw invalid(
      'url',
      url,
      'an address with https:// or http://, because without a page there is no origin it could belong to',
    );
  return [url, ...path.split('/').filter((part) => part !== '')].join('/').replace(/([^:/])\/{2,}/g, '$1/');
}

function milliseconds(name: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  // A longer time would make a timer of the browser fire at once.
  if (!(value >= 0 && value <= 2_147_483_647))
    throw invalid(name, value, 'a number of milliseconds from 0 to 2147483647');
  return value;
}

function invalid(name: string, value: unknown, allowed: string): ConnectError {
  return new ConnectError(
    'INVALID_OPTION',
    `${name}: ${JSON.stringify(value)} is not allowed. It must be ${allowed}`,
  );
}
