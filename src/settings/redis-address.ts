import type { RedisClientOptions } from './redis-options.js';

/** Where Redis is, and how to connect to it. */
export interface RedisAddress {
  /** The servers, or with `primary` the sentinels. Several without it are seeds of a Redis Cluster. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly username: string | undefined;
  /** Never leaves the backend. */
  readonly password: string | undefined;
  readonly database: number;
  readonly isTls: boolean;
  /** The name by which sentinels know the server. */
  readonly primary: string | undefined;
  /** Whether it is known to be a Redis Cluster. Of a single server, it is known once the server was asked. */
  readonly isCluster: boolean;
  /** The options that a URL cannot carry. @default undefined, none */
  readonly options?: RedisClientOptions;
}

const SHAPE = /^(rediss?)(-sentinel)?:\/\/(?:([^\s/@]*)@)?([^\s/@?#]+)(?:\/(\d+)?)?(?:#([^\s#]+))?$/;
const HOST = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/;

/** Reads an address of Redis; `undefined` where it is none. Special characters of its credentials are percent-encoded. */
export function redisAddress(url: string): RedisAddress | undefined {
  const [, scheme, sentinel, credentials, list, database, primary] = SHAPE.exec(url) ?? [];
  if (list === undefined || (sentinel === undefined) !== (primary === undefined)) return undefined;
  const defaultPort = sentinel === undefined ? 6_379 : 26_379;
  const hosts = list.split(',').map((text) => hostAndPort(text, defaultPort));
  const known = hosts.filter((host) => host !== undefined);
  // A Redis Cluster has one database.
  if (hosts.length > 1 && primary === undefined && Number(database ?? 0) !== 0) return undefined;
  // The credentials are `:password`, `user` or `user:password`.
  const separator = credentials?.indexOf(':') ?? -1;
  const username = decode(separator === -1 ? credentials : credentials?.slice(0, separator));
  const password = decode(separator === -1 ? undefined : credentials?.slice(separator + 1));
  if (known.length !== hosts.length || username === null || password === null) return undefined;
  return {
    hosts: known,
    username,
    password,
    database: Number(database ?? 0),
    isTls: scheme === 'rediss',
    primary,
    isCluster: hosts.length > 1 && primary === undefined,
  };
}

/** An address as a message may show it. A password that was not percent-encoded may have anything in it, also an `@`. */
export function withoutCredentials(url: string): string {
  return url.replace(/^.*@/s, '…@');
}

function hostAndPort(text: string, defaultPort: number): { host: string; port: number } | undefined {
  const [, bracketed, plain, digits] = HOST.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = digits === undefined ? defaultPort : Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

/** `null` where it is not percent-encoding. */
function decode(text: string | undefined): string | undefined | null {
  if (text === undefined || text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
