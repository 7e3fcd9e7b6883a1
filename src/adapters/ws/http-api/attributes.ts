import type { ChannelInfo } from '../../../ports/cluster.js';
import { channelType } from '../../../protocol/channel-name.js';
import { badRequest } from '../../../http/api-error.js';

/** What `info` may ask for. Protocol section 3.13. */
export type Attribute = 'user_count' | 'subscription_count' | 'cache';

/** A channel's attributes, as the answers carry them. */
export interface Attributes {
  /** Distinct users; presence channels only. */
  readonly user_count?: number;
  /** Subscriptions; every channel but a presence channel. */
  readonly subscription_count?: number;
  /** What a cache channel remembers, and for how many seconds yet. */
  readonly cache?: { readonly data: string; readonly ttl: number } | null;
}

/**
 * Reads a comma-separated `info`.
 *
 * @throws ApiError 400 for an attribute that cannot be asked for here
 */
export function parseInfo(info: string, known: readonly Attribute[]): ReadonlySet<Attribute> {
  const wanted = new Set<Attribute>();
  for (const name of info.split(',').filter(Boolean)) {
    const attribute = known.find((candidate) => candidate === name);
    if (attribute === undefined) {
      throw badRequest(`"info": ${JSON.stringify(name)} is not available here: ask for ${known.join(', ')}`);
    }
    wanted.add(attribute);
  }
  return wanted;
}

/** Why channels of this type do not have an attribute, or nothing. The first text is hosted Pusher's own. */
export function attributeProblem(channel: string, attribute: Attribute): string | undefined {
  const { access, cached } = channelType(channel);
  switch (attribute) {
    case 'user_count':
      if (access === 'presence') return undefined;
      return 'Cannot retrieve the user count unless the channel is a presence channel';
    case 'subscription_count':
      if (access !== 'presence') return undefined;
      return 'Cannot retrieve the subscription count of a presence channel: ask for user_count';
    case 'cache':
      return cached ? undefined : 'Cannot retrieve the cache unless the channel is a cache channel';
  }
}

/**
 * Those of the wanted attributes that channels of this type have; the others are left out.
 *
 * @param now the engine's time, in milliseconds
 */
export function attributesOf(channel: ChannelInfo, wanted: ReadonlySet<Attribute>, now: number): Attributes {
  const has = (attribute: Attribute) =>
    wanted.has(attribute) && attributeProblem(channel.name, attribute) === undefined;
  return {
    ...(has('user_count') && { user_count: channel.userIds.length }),
    ...(has('subscription_count') && { subscription_count: channel.subscriptionCount }),
    ...(has('cache') && { cache: cacheOf(channel, now) }),
  };
}

function cacheOf({ cached }: ChannelInfo, now: number): NonNullable<Attributes['cache']> | null {
  if (cached === undefined) return null;
  return { data: cached.data ?? '', ttl: Math.ceil((cached.expiresAt - now) / 1_000) };
}
