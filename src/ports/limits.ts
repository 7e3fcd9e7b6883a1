/**
 * The limits of every provider: the strictest provider's, so that a call that passes in a test passes in production too.
 * Sizes are bytes of UTF-8, lengths are characters.
 */
export const LIMITS = Object.freeze({
  /** One event's payload as JSON. Pusher answers a larger one with 413. */
  payloadBytes: 10_240,
  /** The channels of one request to publish an event. Protocol section 3.12. */
  channelsPerEvent: 100,
  /** An event's name, as Pusher limits it. */
  eventNameLength: 200,
  /** A channel's name with its prefix: the documented 164, although the SDK allows 200. */
  channelNameLength: 164,
  /** A member's id: a subject of OpenID Connect may be as long. Hosted Pusher's presence channels allow 128. */
  memberIdLength: 255,
  /** One member's presence data (`channel_data`) as JSON. */
  presenceDataBytes: 1_024,
  /** The body of a request to `/socket/auth`, `/socket/user-auth` or `/socket/history`. A body parser of the application has its own limit. */
  authRequestBytes: 16_384,
  /** The `idempotencyKey` of a relay. */
  idempotencyKeyLength: 255,
  /** The users on one connection's watchlist. */
  watchlist: 100,
});

/** The events that one batch of the Pusher HTTP API may have. Protocol section 3.12. */
export const EVENTS_PER_BATCH = 10;

/** A channel with more subscriptions than this is a large one: its count is announced less often. Protocol section 3.12. */
export const LARGE_CHANNEL_SUBSCRIPTIONS = 100;

/** The count of a large channel is announced at most once in this many milliseconds. Protocol section 3.12. */
export const LARGE_CHANNEL_COUNT_INTERVAL_MS = 5_000;
