import type { MetricSource } from './metric-source.js';

/** One value with its labels, besides `provider`, which every metric has. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric. The values of its labels are few and fixed: clients and the application cannot invent new ones. */
export interface MetricDefinition {
  readonly name: `switchboard_${string}`;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** A metric that is read at each scrape. */
export interface ReadMetric extends MetricDefinition {
  readonly type: 'counter' | 'gauge';
  /** How the values of several modules with one registry are combined. @default undefined, their sum */
  readonly together?: 'largest';
  /** @returns no sample where the provider does not have this metric */
  read(source: MetricSource): readonly Sample[] | Promise<readonly Sample[]>;
}

const BREAKER = { closed: 0, 'half-open': 1, open: 2 } as const;

/** The metrics that are read at each scrape. */
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
    help: 'Subscriptions of these connections, including those that a signin makes.',
    read: ({ engine }) => one(engine?.subscriptions),
  },
  {
    name: 'switchboard_channels',
    type: 'gauge',
    help: 'Channels of this process that have subscriptions, or are kept for a member who may reconnect.',
    read: ({ engine }) => one(engine?.channels),
  },
  {
    name: 'switchboard_members',
    type: 'gauge',
    help: 'Members who are signed in on this process. A member with several connections counts once.',
    read: ({ engine }) => one(engine?.users),
  },
  {
    name: 'switchboard_connections_opened_total',
    type: 'counter',
    help: 'Connections that were accepted.',
    read: ({ engine }) => one(engine?.counters.opened),
  },
  {
    name: 'switchboard_connections_refused_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Connections that were refused, by HTTP status or close code.',
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
    help: 'Messages of clients that were answered with an error, by the error code; or malformed, none, internal.',
    read: ({ engine }) => by('reason', engine?.counters.messagesRefused.counts),
  },
  {
    name: 'switchboard_client_events_total',
    type: 'counter',
    help: 'Client events that were sent on to other subscribers.',
    read: ({ engine }) => one(engine?.counters.clientEvents),
  },
  {
    name: 'switchboard_relay_retries_total',
    type: 'counter',
    help: 'Attempts of this process after the first one of each relay.',
    read: ({ retried }) => one(retried),
  },
  {
    name: 'switchboard_relays_waiting',
    type: 'gauge',
    help: 'Relays that wait for the provider, counted once for each member or channel.',
    read: async (source) => one((await source.delivery())?.waiting ?? undefined),
  },
  {
    name: 'switchboard_relays_waiting_bytes',
    type: 'gauge',
    help: 'Bytes of the payloads of the relays that wait for the provider.',
    read: async (source) => one((await source.delivery())?.bytes ?? undefined),
  },
  {
    name: 'switchboard_breaker_state',
    type: 'gauge',
    together: 'largest',
    help: 'State of the circuit breaker: 0 closed, 1 half-open, 2 open.',
    read: async (source) => {
      const delivery = await source.delivery();
      return one(delivery && BREAKER[delivery.breaker]);
    },
  },
  {
    name: 'switchboard_queue_later',
    type: 'gauge',
    together: 'largest',
    help: 'Relays in the queue that have a delay and wait for their time.',
    read: async (source) => one((await source.delivery())?.queue?.later),
  },
  {
    name: 'switchboard_queue_dead',
    type: 'gauge',
    together: 'largest',
    help: 'Dead letters in the queue.',
    read: async (source) => one((await source.delivery())?.queue?.dead),
  },
  {
    name: 'switchboard_queue_oldest_seconds',
    type: 'gauge',
    together: 'largest',
    help: 'Seconds that the oldest waiting relay has been in the queue.',
    read: async (source) => {
      const milliseconds = (await source.delivery())?.queue?.oldestMs;
      return one(milliseconds && milliseconds / 1_000);
    },
  },
  {
    name: 'switchboard_history_events',
    type: 'gauge',
    help: 'Events of channels with history that this process keeps, or has put into Redis and that are not too old.',
    read: ({ history }) => one(history?.events),
  },
  {
    name: 'switchboard_history_bytes',
    type: 'gauge',
    help: 'Bytes of these events.',
    read: ({ history }) => one(history?.bytes),
  },
  {
    name: 'switchboard_history_dropped_total',
    type: 'counter',
    help: 'Events of channels with history that were dropped for a bound of events or bytes, before they were too old.',
    read: ({ history }) => one(history?.dropped),
  },
  {
    name: 'switchboard_provider_in_force',
    type: 'gauge',
    together: 'largest',
    help: 'With two providers: 1 for the provider that browsers connect to now, 0 for the other one.',
    read: ({ isInForce }) => one(isInForce === undefined ? undefined : Number(isInForce)),
  },
  {
    name: 'switchboard_second_missed_total',
    type: 'counter',
    help: 'With two providers: copies of calls that the second provider did not accept.',
    read: ({ second }) => one(second?.missed),
  },
  {
    name: 'switchboard_mirror_divergence_total',
    type: 'counter',
    help: 'With a mirror: calls that one of the two providers accepted, and the other did not.',
    read: ({ second }) => one(second?.divergence),
  },
  {
    name: 'switchboard_webhook_events_waiting',
    type: 'gauge',
    help: 'Events that wait to be posted to a webhook, counted once for each URL.',
    read: ({ webhooks }) => one(webhooks?.waiting),
  },
  {
    name: 'switchboard_webhook_events_delivered_total',
    type: 'counter',
    help: 'Events that a webhook accepted, counted once for each URL.',
    read: ({ webhooks }) => one(webhooks?.delivered),
  },
  {
    name: 'switchboard_webhook_events_lost_total',
    type: 'counter',
    help: 'Events that no webhook accepted after all attempts, or that were dropped to make room for newer ones.',
    read: ({ webhooks }) => one(webhooks?.lost),
  },
  {
    name: 'switchboard_cluster_unreachable',
    type: 'gauge',
    together: 'largest',
    help: 'Is 1 while this node cannot reach the other nodes, otherwise 0.',
    read: ({ engine }) => (engine?.node === undefined ? [] : one(engine.problem === undefined ? 0 : 1)),
  },
  {
    name: 'switchboard_cluster_undelivered_total',
    type: 'counter',
    help: 'Messages to other nodes that Redis did not accept.',
    read: ({ engine }) => one(engine?.statistics?.undelivered),
  },
  {
    name: 'switchboard_cluster_malformed_total',
    type: 'counter',
    help: 'Messages from Redis that do not come from a node of this cluster.',
    read: ({ engine }) => one(engine?.statistics?.malformed),
  },
];

/** Relays are counted when they happen, not at a scrape: a relay takes far longer than its count. */
export const RELAYS: MetricDefinition = {
  name: 'switchboard_relays_total',
  labels: ['kind', 'outcome'],
  help: 'Relays and disconnects, by outcome. One that was queued is counted a second time when it is sent or failed.',
};

/** A metric of durations. */
export interface DurationMetric extends MetricDefinition {
  /** The upper bounds of the histogram's buckets, in seconds. */
  readonly buckets: readonly number[];
}

/** Durations of relays that were sent at the first attempt. */
export const RELAY_DURATION: DurationMetric = {
  name: 'switchboard_relay_duration_seconds',
  labels: ['kind'],
  help: 'Seconds from the call until the provider accepted the relay at the first attempt.',
  buckets: [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
};

/** Durations of relays that were queued first. */
export const QUEUED_DURATION: DurationMetric = {
  name: 'switchboard_relay_queued_duration_seconds',
  labels: ['kind'],
  help: 'Seconds from the call until the provider accepted the relay, where it was queued first.',
  buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600],
};

/** Messages whose handlers were called. They are counted when it happens, as relays are. */
export const HANDLER_MESSAGES: MetricDefinition = {
  name: 'switchboard_handler_messages_total',
  labels: ['outcome'],
  help: 'Messages of clients whose handlers were called: handled, refused by the handler, failed, or timed_out.',
};

/** Messages that no handler was called for. */
export const HANDLER_REFUSALS: MetricDefinition = {
  name: 'switchboard_handler_messages_refused_total',
  labels: ['reason'],
  help: 'Messages of clients that were refused before any handler was called, by the error code that the client got.',
};

/** Durations of handlers. */
export const HANDLER_DURATION: DurationMetric = {
  name: 'switchboard_handler_duration_seconds',
  help: 'Seconds from the call of a handler until its answer, or until its time was over.',
  buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
};

function one(value: number | undefined): readonly Sample[] {
  return value === undefined ? [] : [{ value }];
}

function by(label: string, counts: ReadonlyMap<string, number> | undefined): readonly Sample[] {
  return [...(counts ?? [])].map(([reason, value]) => ({ labels: { [label]: reason }, value }));
}
