/** Who is calling, as the host application's `identify` says. */
export interface Identity {
  /** The member's id. */
  readonly id: string;
  /** What others on a presence channel may know about the member. */
  readonly info?: Readonly<Record<string, unknown>>;
  /** Whose coming online and going offline the member's browsers are told: 100 members at most. */
  readonly watchlist?: readonly string[];
}

/** As whom a member appears on a presence channel. */
export interface PresenceMember {
  readonly id: string;
  readonly info?: Readonly<Record<string, unknown>>;
}

/** An authorizer's answer: `false` refuses, `true` admits under the caller's own identity, a member admits as that one. */
export type Admission = boolean | PresenceMember;

/**
 * Says who may join the channels of one pattern. Implemented by classes that carry `@AuthorizeChannel(pattern)` and are
 * providers of any Nest module; `params` are the pattern's placeholders, taken from the channel's name.
 */
export interface ChannelAuthorizer<Params extends Record<string, string> = Record<string, string>> {
  authorize(identity: Identity, params: Params): Admission | Promise<Admission>;
}

/** What an auth endpoint answers for a channel: exactly what `pusher-js` sends on to the gateway. */
export interface ChannelAuth {
  readonly auth: string;
  readonly channel_data?: string;
  /** The key of an encrypted channel, in base64. */
  readonly shared_secret?: string;
}

/** What an auth endpoint answers for a signin. */
export interface UserAuth {
  readonly auth: string;
  readonly user_data: string;
}
