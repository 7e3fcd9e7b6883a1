import { badRequest } from '../../../http/api-error.js';
import type { ChannelInfo } from '../../../ports/cluster.js';
import { channelType } from '../../../protocol/channel-name.js';

/** An attribute that `info` may ask for. Protocol section 3.13. */
export type Attribute = 'user_count' | 'subscription_count' | 'cache';

/** A channel's attributes, in the form of the API's answers. */
export interface Attributes {
  /** The number of distinct users; presence channels only. */
  readonly user_count?: number;
  /** The number of subscriptions. */
  readonly subscription_count?: number;
  /** The last event of a cache channel, and the seconds until it is forgotten. */
  // eslint-disable-next-line no-restricted-syntax -- `ttl` is the wire's name; it is in seconds
  readonly cache?: { readonly data: string; readonly ttl: number } | null;
}

/**
 * Reads a comma-separated `info`.
 *
 * @throws ApiError 400 for an attribute that cannot be asked for here
 */
export function parseInfo(info: string, known: readonly Attribute[]): ReadonlySet<Attribute> {
  const requested = new Set<Attribute>();
  for (const name of info.split(',').filter(Boolean)) {
    const attribute = known.find((candidate) => candidate === name);
    if (attribute === undefined) {
      throw badRequest(`"info": ${JSON.stringify(name)} is not available here: ask for ${known.join(', ')}`);
    }
    requested.add(attribute);
  }
  return requested;
}

/**
 * Why channels of this type do not have an attribute, or `undefined`. Hosted Pusher answers `subscription_count` for presence
 * channels too, although one of its tables says otherwise. The first text is hosted
 * Pusher's own.
 */
export function attributeProblem(channel: string, attribute: Attribute): string | undefined {
  const { access, cached } = channelType(channel);
  switch (attribute) {
    case 'user_count':
      if (access === 'presence') return undefined;
      return 'Cannot retrieve the user count unless the channel is a presence channel';
    case 'subscription_count':
      return undefined;
    case 'cache':
      return cached ? undefined : 'Cannot retrieve the cache unless the channel is a cache channel';
  }
}

/**
 * A channel's requested attributes. Those that channels of its type do not have are left out.
 *
 * @param now the engine's time, in milliseconds
 */
export function attributesOf(
  channel: ChannelInfo,
  requested: ReadonlySet<Attribute>,
  now: number,
): Attributes {
  const has = (attribute: Attribute) =>
    requested.has(attribute) && attributeProblem(channel.name, attribute) === undefined;
  return {
    ...(has('user_count') && { user_count: channel.userCount }),
    ...(has('subscription_count') && { subscription_count: channel.subscriptionCount }),
    ...(has('cache') && { cache: cacheOf(channel, now) }),
  };
}

function cacheOf({ cached }: ChannelInfo, now: number): NonNullable<Attributes['cache']> | null {
  if (cached === undefined) return null;
  return { data: cached.data ?? '', ttl: Math.ceil((cached.expiresAt - now) / 1_000) };
}
