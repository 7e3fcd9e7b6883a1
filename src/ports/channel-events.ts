/**
 * What happens on channels, by the names and fields of Pusher's webhooks (protocol section 3.15). The same facts are
 * events in process and webhooks to other servers.
 */
export interface ChannelEvents {
  /** Somebody subscribed to a channel that nobody was subscribed to. */
  channel_occupied: { readonly channel: string };
  /** The last subscriber of a channel left, and nobody came back within the grace period. */
  channel_vacated: { readonly channel: string };
  /** A user came to a presence channel with a first connection. */
  member_added: { readonly channel: string; readonly user_id: string };
  /** A user's last connection left a presence channel, and the user did not come back within the grace period. */
  member_removed: { readonly channel: string; readonly user_id: string };
  /** A client sent an event to the other subscribers. `data` is the JSON text as it was passed on. */
  client_event: {
    readonly channel: string;
    readonly event: string;
    readonly data?: string;
    readonly socket_id: string;
    /** Only on presence channels. */
    readonly user_id?: string;
  };
  /** Somebody subscribed to a cache channel that remembers nothing. Told once while the channel stays occupied and empty:
   * remembering it for longer would let strangers fill the memory. */
  cache_miss: { readonly channel: string };
  /** How many subscriptions a channel has now. Presence channels have none of these. */
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

/** Any channel event, as a webhook carries it: the fields with the `name` beside them. */
export type ChannelEvent = {
  [N in ChannelEventName]: { readonly name: N } & ChannelEvents[N];
}[ChannelEventName];

/** Hears every channel event. What it throws is its own problem and must not reach the engine. */
export type ChannelEventListener = (event: ChannelEvent) => void;
