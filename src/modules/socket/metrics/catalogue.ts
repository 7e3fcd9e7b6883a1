import type { MetricSource } from './metric-source.js';

/** One value with its labels, besides `provider`, which every metric has. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric. None has a label whose values a client or an application makes up. */
export interface MetricDefinition {
  readonly name: `switchboard_${string}`;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** A metric that is read when somebody asks for it. */
export interface ReadMetric extends MetricDefinition {
  readonly type: 'counter' | 'gauge';
  /** What several modules with one registry say together: the sum, unless it is the largest. */
  readonly together?: 'largest';
  /** Nothing where the provider has no such thing. */
  read(source: MetricSource): readonly Sample[] | Promise<readonly Sample[]>;
}

const BREAKER = { closed: 0, 'half-open': 1, open: 2 } as const;

/** Everything that is read at a scrape. */
export const READ_METRICS: readonly ReadMetric[] = [
  {
    name: 'switchboard_connections',
    type: 'gauge',
    help: 'Open connections of this process.',
    read: ({ engine }) => one(engine?.connections),
  },
  {
    name: 'switchboard_subscriptions',
    type: 'gauge',
    help: 'Subscriptions of these connections, with those that a signin implies.',
    read: ({ engine }) => one(engine?.subscriptions),
  },
  {
    name: 'switchboard_channels',
    type: 'gauge',
    help: 'Channels with subscriptions on this process, or kept for a member who may come back.',
    read: ({ engine }) => one(engine?.channels),
  },
  {
    name: 'switchboard_members',
    type: 'gauge',
    help: 'Members who are signed in on this process, each once.',
    read: ({ engine }) => one(engine?.users),
  },
  {
    name: 'switchboard_connections_opened_total',
    type: 'counter',
    help: 'Connections that were let in.',
    read: ({ engine }) => one(engine?.counters.opened),
  },
  {
    name: 'switchboard_connections_refused_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Connections that were not let in, by HTTP status or close code.',
    read: ({ engine }) => by('reason', engine?.counters.refused.counts),
  },
  {
    name: 'switchboard_connections_closed_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Connections that ended, by the close code that was sent; or client, lost, malformed, slow_reader.',
    read: ({ engine }) => by('reason', engine?.counters.closed.counts),
  },
  {
    name: 'switchboard_client_messages_refused_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Messages of clients that were answered with an error, by its code; or malformed, none, internal.',
    read: ({ engine }) => by('reason', engine?.counters.messagesRefused.counts),
  },
  {
    name: 'switchboard_client_events_total',
    type: 'counter',
    help: 'Client events that were passed on.',
    read: ({ engine }) => one(engine?.counters.clientEvents),
  },
  {
    name: 'switchboard_relay_retries_total',
    type: 'counter',
    help: 'Attempts of this process after a first one.',
    read: ({ retried }) => one(retried),
  },
  {
    name: 'switchboard_relays_waiting',
    type: 'gauge',
    help: 'Relays that wait for the provider, one to one member or channel each.',
    read: async (source) => one((await source.delivery())?.waiting ?? undefined),
  },
  {
    name: 'switchboard_relays_waiting_bytes',
    type: 'gauge',
    help: 'Bytes of what waits for the provider.',
    read: async (source) => one((await source.delivery())?.bytes ?? undefined),
  },
  {
    name: 'switchboard_breaker_state',
    type: 'gauge',
    together: 'largest',
    help: 'The circuit breaker: 0 closed, 1 half-open, 2 open.',
    read: async (source) => {
      const delivery = await source.delivery();
      return one(delivery && BREAKER[delivery.breaker]);
    },
  },
  {
    name: 'switchboard_queue_later',
    type: 'gauge',
    together: 'largest',
    help: 'Relays in the queue that were asked for later, and wait for their time.',
    read: async (source) => one((await source.delivery())?.queue?.later),
  },
  {
    name: 'switchboard_queue_dead',
    type: 'gauge',
    together: 'largest',
    help: 'Dead letters of the queue.',
    read: async (source) => one((await source.delivery())?.queue?.dead),
  },
  {
    name: 'switchboard_queue_oldest_seconds',
    type: 'gauge',
    together: 'largest',
    help: 'For how long a member or a channel has had something waiting in the queue, at the most.',
    read: async (source) => {
      const milliseconds = (await source.delivery())?.queue?.oldestMs;
      return one(milliseconds && milliseconds / 1_000);
    },
  },
  {
    name: 'switchboard_provider_in_force',
    type: 'gauge',
    together: 'largest',
    help: 'Where there are two providers: whether browsers are led to this one now: 1, or 0.',
    read: ({ isInForce }) => one(isInForce === undefined ? undefined : Number(isInForce)),
  },
  {
    name: 'switchboard_second_missed_total',
    type: 'counter',
    help: 'Where there are two providers: calls that the second was to get as well, and did not take.',
    read: ({ second }) => one(second?.missed),
  },
  {
    name: 'switchboard_mirror_divergence_total',
    type: 'counter',
    help: 'With a mirror: calls that one of the two providers took, and the other did not.',
    read: ({ second }) => one(second?.divergence),
  },
  {
    name: 'switchboard_webhook_events_waiting',
    type: 'gauge',
    help: 'Events that wait to be posted, for each URL.',
    read: ({ webhooks }) => one(webhooks?.waiting),
  },
  {
    name: 'switchboard_webhook_events_delivered_total',
    type: 'counter',
    help: 'Events that a webhook took, for each URL.',
    read: ({ webhooks }) => one(webhooks?.delivered),
  },
  {
    name: 'switchboard_webhook_events_lost_total',
    type: 'counter',
    help: 'Events that no attempt brought to a webhook, or that were dropped for newer ones.',
    read: ({ webhooks }) => one(webhooks?.lost),
  },
  {
    name: 'switchboard_cluster_unreachable',
    type: 'gauge',
    together: 'largest',
    help: 'Whether this node cannot reach the others now: 1, or 0.',
    read: ({ engine }) => (engine?.node === undefined ? [] : one(engine.problem === undefined ? 0 : 1)),
  },
  {
    name: 'switchboard_cluster_undelivered_total',
    type: 'counter',
    help: 'Messages to other nodes that Redis did not take.',
    read: ({ engine }) => one(engine?.statistics?.undelivered),
  },
  {
    name: 'switchboard_cluster_malformed_total',
    type: 'counter',
    help: 'Messages from Redis that no node of this cluster can have sent.',
    read: ({ engine }) => one(engine?.statistics?.malformed),
  },
];

/** What is counted when it happens: relays, which take far longer than to count them. */
export const RELAYS: MetricDefinition = {
  name: 'switchboard_relays_total',
  labels: ['kind', 'outcome'],
  help: 'Relays and disconnects by what became of them. What was queued is counted again as sent or failed.',
};

/** A metric of how long something takes. */
export interface DurationMetric extends MetricDefinition {
  /** In seconds. */
  readonly buckets: readonly number[];
}

export const RELAY_DURATION: DurationMetric = {
  name: 'switchboard_relay_duration_seconds',
  labels: ['kind'],
  help: 'From the call until the provider had accepted it, at the first attempt.',
  buckets: [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
};

export const QUEUED_DURATION: DurationMetric = {
  name: 'switchboard_relay_queued_duration_seconds',
  labels: ['kind'],
  help: 'From the call until the provider had accepted it, where it was queued.',
  buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600],
};

function one(value: number | undefined): readonly Sample[] {
  return value === undefined ? [] : [{ value }];
}

function by(label: string, counts: ReadonlyMap<string, number> | undefined): readonly Sample[] {
  return [...(counts ?? [])].map(([reason, value]) => ({ labels: { [label]: reason }, value }));
}
