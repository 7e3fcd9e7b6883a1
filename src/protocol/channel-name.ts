import { LIMITS } from '../ports/limits.js';
import { wireMemberId } from './member-id.js';
import { notAText } from './not-a-text.js';

/** The kind of a channel, which decides what a subscription needs. Protocol section 3.5. */
export interface ChannelType {
  /** `public` needs nothing, `private` and `presence` a signature, `user` a signin as that user. */
  readonly access: 'public' | 'private' | 'presence' | 'user';
  readonly encrypted: boolean;
  readonly cached: boolean;
}

/** The prefix of a user's own channel, which only that user's connections receive. */
export const USER_CHANNEL_PREFIX = '#server-to-user-';

/** In the order of matching: a longer prefix before a shorter one that it begins with. */
const TYPES: readonly (readonly [prefix: string, type: ChannelType])[] = [
  ['private-encrypted-cache-', { access: 'private', encrypted: true, cached: true }],
  ['private-encrypted-', { access: 'private', encrypted: true, cached: false }],
  ['private-cache-', { access: 'private', encrypted: false, cached: true }],
  ['private-', { access: 'private', encrypted: false, cached: false }],
  ['presence-cache-', { access: 'presence', encrypted: false, cached: true }],
  ['presence-', { access: 'presence', encrypted: false, cached: false }],
  ['cache-', { access: 'public', encrypted: false, cached: true }],
  [USER_CHANNEL_PREFIX, { access: 'user', encrypted: false, cached: false }],
];

const PUBLIC: ChannelType = { access: 'public', encrypted: false, cached: false };

/** The type of a channel, by the beginning of its name only: `foo-private-x` is public. */
export function channelType(name: string): ChannelType {
  for (const [prefix, type] of TYPES) if (name.startsWith(prefix)) return type;
  return PUBLIC;
}

/** The channel that reaches exactly one user's connections. Its name has the wire form of the user's id. */
export function userChannel(userId: string): string {
  return USER_CHANNEL_PREFIX + wireMemberId(userId);
}

/** Whether a channel is a user's own. */
export function isUserChannel(channel: string): boolean {
  return channel.startsWith(USER_CHANNEL_PREFIX);
}

const ALLOWED_CHARACTERS = /^[A-Za-z0-9_\-=@,.;]+$/;
const ALLOWED = 'A-Z a-z 0-9 _ - = @ , . ;';

/**
 * Says what is wrong with a channel's name, or nothing. `#` is reserved: the channel of a user is not a name that
 * application code may use.
 */
export function channelNameProblem(name: unknown): string | undefined {
  return nameProblem(name, LIMITS.channelNameLength);
}

function nameProblem(name: unknown, maximum: number): string | undefined {
  if (typeof name !== 'string') return notAText(name);
  if (name === '') return 'it is empty';
  if (name.length > maximum) return `it has ${name.length} characters, ${maximum} are allowed`;
  if (!ALLOWED_CHARACTERS.test(name)) return `only these characters are allowed: ${ALLOWED}`;
  return undefined;
}
