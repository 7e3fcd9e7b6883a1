/**
 * The events on channels, with the names and fields of Pusher's webhooks (protocol section 3.15). The same events reach
 * listeners in this process, and other servers as webhooks.
 */
export interface ChannelEvents {
  /** A channel without subscribers got its first one. */
  channel_occupied: { readonly channel: string };
  /** The last subscriber left a channel, and none subscribed within the grace period. */
  channel_vacated: { readonly channel: string };
  /** A user's first connection subscribed to a presence channel. */
  member_added: { readonly channel: string; readonly user_id: string };
  /** A user's last connection left a presence channel, and the user did not come back within the grace period. */
  member_removed: { readonly channel: string; readonly user_id: string };
  /** A client sent an event to the other subscribers. `data` is the JSON text that they got. */
  client_event: {
    readonly channel: string;
    readonly event: string;
    readonly data?: string;
    readonly socket_id: string;
    /** Only on presence channels. */
    readonly user_id?: string;
  };
  /**
   * A client subscribed to a cache channel that has no event. It is emitted once, until the channel gets an event or
   * is vacated. To remember it for longer would let strangers fill this process's memory.
   */
  cache_miss: { readonly channel: string };
  /** The number of subscriptions of a channel changed. Presence channels do not have this event. */
  subscription_count: { readonly channel: string; readonly subscription_count: number };
}

/** The names of the channel events. */
export const CHANNEL_EVENT_NAMES = [
  'channel_occupied',
  'channel_vacated',
  'member_added',
  'member_removed',
  'client_event',
  'cache_miss',
  'subscription_count',
] as const satisfies readonly (keyof ChannelEvents)[];

/** The name of a channel event. */
export type ChannelEventName = keyof ChannelEvents;

/** Any channel event, in the form that a webhook has: the `name` beside the fields. */
export type ChannelEvent = {
  [N in ChannelEventName]: { readonly name: N } & ChannelEvents[N];
}[ChannelEventName];

/** Handles every channel event. The caller logs an error that it throws. */
export type ChannelEventListener = (event: ChannelEvent) => void;
