import * as v from 'valibot';
import type { ChannelEvent } from '../../../ports/channel-events.js';

/** The body that hosted Pusher posts. Its events are parsed one by one, so that an unknown event does not lose the others. */
const webhook = v.object({ time_ms: v.number(), events: v.array(v.unknown()) });

const channel = v.string();
const channelEvent = v.variant('name', [
  v.object({ name: v.literal('channel_occupied'), channel }),
  v.object({ name: v.literal('channel_vacated'), channel }),
  v.object({ name: v.literal('member_added'), channel, user_id: v.string() }),
  v.object({ name: v.literal('member_removed'), channel, user_id: v.string() }),
  v.object({
    name: v.literal('client_event'),
    channel,
    event: v.string(),
    data: v.exactOptional(v.string()),
    socket_id: v.string(),
    user_id: v.exactOptional(v.string()),
  }),
  v.object({ name: v.literal('cache_miss'), channel }),
  v.object({ name: v.literal('subscription_count'), channel, subscription_count: v.number() }),
]);

/** A parsed webhook. */
export interface WebhookBody {
  /** The time at which the provider created it, in milliseconds since the epoch. */
  readonly timeMs: number;
  readonly events: readonly ChannelEvent[];
  /** The names of the events that could not be parsed. */
  readonly unknown: readonly string[];
}

/** Parses a webhook's body; `undefined` when it is not one. */
export function parseWebhookBody(body: Buffer): WebhookBody | undefined {
  const parsed = v.safeParse(webhook, json(body));
  if (!parsed.success) return undefined;
  const events: ChannelEvent[] = [];
  const unknown: string[] = [];
  for (const raw of parsed.output.events) {
    const event = v.safeParse(channelEvent, raw);
    if (event.success) events.push(event.output);
    else unknown.push(nameOf(raw));
  }
  return { timeMs: parsed.output.time_ms, events, unknown };
}

function nameOf(event: unknown): string {
  const named = v.safeParse(v.object({ name: v.string() }), event);
  return named.success ? named.output.name : '(without a name)';
}

function json(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
