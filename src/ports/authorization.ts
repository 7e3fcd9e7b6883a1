import type { Identity } from './identity.js';

export type { Identity } from './identity.js';

/** A member as others on a presence channel see it. */
export interface PresenceMember {
  readonly id: string;
  /** The facts that others see. @default undefined */
  readonly info?: Readonly<Record<string, unknown>>;
}

/** An authorizer's answer: `false` refuses the caller, `true` admits the caller, and a member admits the caller as that member. */
export type Admission = boolean | PresenceMember;

/**
 * Decides which members may join the channels of one pattern. Implemented by classes that carry `@AuthorizeChannel(pattern)` and are
 * providers of any Nest module; `params` are the pattern's placeholders, taken from the channel's name.
 */
export interface ChannelAuthorizer<Params extends Record<string, string> = Record<string, string>> {
  authorize(identity: Identity, params: Params): Admission | Promise<Admission>;
}

/** The answer of the auth endpoint for a channel. `pusher-js` sends these fields on to the gateway, but for the position. */
export interface ChannelAuth {
  readonly auth: string;
  readonly channel_data?: string;
  /** The key of an encrypted channel, in base64. */
  readonly shared_secret?: string;
  /** The live position before the subscription, where the provider cannot tell it (docs/history.md#hosted-pusher). */
  readonly position?: string;
}

/** The answer of the auth endpoint for a signin. */
export interface UserAuth {
  readonly auth: string;
  readonly user_data: string;
  /** That of the member's own channel, as in {@link ChannelAuth}. */
  readonly position?: string;
}
