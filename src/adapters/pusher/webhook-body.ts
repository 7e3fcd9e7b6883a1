import { z } from 'zod';
import type { ChannelEvent } from '../../ports/channel-events.js';

/** What hosted Pusher posts. Its events are read one by one, so that one which is new does not cost the others. */
const webhook = z.object({ time_ms: z.number(), events: z.array(z.unknown()) });

const channel = z.string();
const channelEvent = z.discriminatedUnion('name', [
  z.object({ name: z.literal('channel_occupied'), channel }),
  z.object({ name: z.literal('channel_vacated'), channel }),
  z.object({ name: z.literal('member_added'), channel, user_id: z.string() }),
  z.object({ name: z.literal('member_removed'), channel, user_id: z.string() }),
  z.object({
    name: z.literal('client_event'),
    channel,
    event: z.string(),
    data: z.string().exactOptional(),
    socket_id: z.string(),
    user_id: z.string().exactOptional(),
  }),
  z.object({ name: z.literal('cache_miss'), channel }),
  z.object({ name: z.literal('subscription_count'), channel, subscription_count: z.number() }),
]);

/** A webhook as it was read. */
export interface WebhookBody {
  /** When the provider made it, in milliseconds since the epoch. */
  readonly timeMs: number;
  readonly events: readonly ChannelEvent[];
  /** The names of the events that were not understood. */
  readonly unknown: readonly string[];
}

/** Reads a webhook's body; `undefined` when it is none. */
export function parseWebhookBody(body: Buffer): WebhookBody | undefined {
  const parsed = webhook.safeParse(json(body));
  if (!parsed.success) return undefined;
  const events: ChannelEvent[] = [];
  const unknown: string[] = [];
  for (const raw of parsed.data.events) {
    const event = channelEvent.safeParse(raw);
    if (event.success) events.push(event.data);
    else unknown.push(nameOf(raw));
  }
  return { timeMs: parsed.data.time_ms, events, unknown };
}

function nameOf(event: unknown): string {
  const named = z.object({ name: z.string() }).safeParse(event);
  return named.success ? named.data.name : '(without a name)';
}

function json(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
