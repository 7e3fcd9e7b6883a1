import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { SocketConfigurationError } from '../../../ports/errors.js';
import type { RelayKind } from '../../../ports/relay.js';
import type { RelayOutcome } from '../../../relays/receipt.js';
import type { SocketRuntime } from '../../../runtime/socket-runtime.js';
import type { HandlerOutcome, RefusalReason } from '../handlers/handler-metrics.js';
import type { MetricsRegistry, ModuleMetrics } from '../socket-options.js';
import {
  type DurationMetric,
  HANDLER_DURATION,
  HANDLER_MESSAGES,
  HANDLER_REFUSALS,
  type MetricDefinition,
  QUEUED_DURATION,
  READ_METRICS,
  type ReadMetric,
  RELAY_DURATION,
  RELAYS,
  type Sample,
} from './catalogue.js';
import { MetricSource } from './metric-source.js';

type Labels = Record<string, string>;

const KINDS: readonly RelayKind[] = ['member', 'members', 'channel', 'broadcast', 'disconnect'];
const OUTCOMES: readonly RelayOutcome[] = ['sent', 'queued', 'failed', 'dropped'];

const HANDLER_OUTCOMES: readonly HandlerOutcome[] = ['handled', 'refused', 'failed', 'timed_out'];
const REFUSAL_REASONS: readonly RefusalReason[] = [
  'UNKNOWN_EVENT',
  'NOT_ON_CHANNEL',
  'NOT_SIGNED_IN',
  'TOO_LARGE',
  'TOO_MANY',
  'TOO_MANY_RUNNING',
];

const perRegistry = new WeakMap<MetricsRegistry, Collectors>();

/**
 * The metrics of this package in one registry. Modules with the same registry share them, and their values are added up. The
 * metrics leave the registry when the last module is released.
 */
export class Collectors {
  readonly #registry: MetricsRegistry;
  readonly #sources = new Set<MetricSource>();
  readonly #names: readonly string[];
  readonly #relays: Counter;
  readonly #durations: Readonly<Record<'sent' | 'queued', Histogram>>;
  readonly #messages: Counter;
  readonly #refusals: Counter;
  readonly #handlerDurations: Histogram;

  /**
   * The collectors of a registry. A registry without any gets them now.
   *
   * @throws SocketConfigurationError when the registry has other metrics with these names
   */
  static in(registry: MetricsRegistry): Collectors {
    const collectors = perRegistry.get(registry) ?? new Collectors(registry);
    perRegistry.set(registry, collectors);
    return collectors;
  }

  private constructor(registry: MetricsRegistry) {
    this.#registry = registry;
    const definitions = [
      ...READ_METRICS,
      ...[RELAYS, RELAY_DURATION, QUEUED_DURATION, HANDLER_MESSAGES, HANDLER_REFUSALS, HANDLER_DURATION],
    ];
    this.#names = definitions.map(({ name }) => name);
    const taken = this.#names.find((name) => registry.getSingleMetric(name) !== undefined);
    if (taken !== undefined) {
      throw new SocketConfigurationError([`metrics: the registry has another metric "${taken}" already`]);
    }
    // The object is a `Registry`; our own type of it leaves out the rest.
    const registers = [registry as unknown as Registry];
    for (const metric of READ_METRICS) this.#register(metric, registers);
    const counter = (metric: MetricDefinition) =>
      new Counter({ name: metric.name, help: metric.help, labelNames: labelNames(metric), registers });
    this.#relays = counter(RELAYS);
    this.#messages = counter(HANDLER_MESSAGES);
    this.#refusals = counter(HANDLER_REFUSALS);
    const histogram = (metric: DurationMetric) =>
      new Histogram({
        name: metric.name,
        help: metric.help,
        labelNames: labelNames(metric),
        buckets: [...metric.buckets],
        registers,
      });
    this.#handlerDurations = histogram(HANDLER_DURATION);
    this.#durations = { sent: histogram(RELAY_DURATION), queued: histogram(QUEUED_DURATION) };
  }

  /** Includes one more module, until the returned metrics are released. */
  add(runtime: SocketRuntime): ModuleMetrics {
    const sources = MetricSource.of(runtime);
    for (const source of sources) this.#add(source);
    return {
      count: (kind, outcome) => {
        this.#relays.inc({ provider: runtime.provider, kind, outcome });
      },
      took: (kind, outcome, milliseconds) => {
        this.#durations[outcome].observe({ provider: runtime.provider, kind }, milliseconds / 1_000);
      },
      handled: (provider, outcome, milliseconds) => {
        this.#messages.inc({ provider, outcome });
        this.#handlerDurations.observe({ provider }, milliseconds / 1_000);
      },
      messageRefused: (provider, reason) => {
        this.#refusals.inc({ provider, reason });
      },
      release: () => {
        if (this.#remove(sources) && this.#sources.size === 0) this.#unregister();
      },
    };
  }

  #add(source: MetricSource): void {
    const { provider } = source;
    this.#sources.add(source);
    // Each series begins at 0, so that `increase()` sees the first relay too.
    for (const kind of KINDS)
      for (const outcome of OUTCOMES) this.#relays.inc({ provider, kind, outcome }, 0);
    for (const outcome of HANDLER_OUTCOMES) this.#messages.inc({ provider, outcome }, 0);
    for (const reason of REFUSAL_REASONS) this.#refusals.inc({ provider, reason }, 0);
  }

  /** @returns whether at least one of them was included */
  #remove(sources: readonly MetricSource[]): boolean {
    return sources.filter((source) => this.#sources.delete(source)).length > 0;
  }

  #register(metric: ReadMetric, registers: Registry[]): void {
    const options = { name: metric.name, help: metric.help, labelNames: labelNames(metric), registers };
    const sums = () => this.#read(metric);
    if (metric.type === 'gauge') {
      new Gauge({
        ...options,
        async collect() {
          const samples = await sums();
          this.reset();
          for (const { labels, value } of samples) this.set(labels, value);
        },
      });
    } else {
      new Counter({
        ...options,
        async collect() {
          const samples = await sums();
          this.reset();
          for (const { labels, value } of samples) this.inc(labels, value);
        },
      });
    }
  }

  /** Combines the samples of all modules, into one sample for the same labels. */
  async #read(metric: ReadMetric): Promise<Iterable<{ labels: Labels; value: number }>> {
    const samples = await Promise.all(
      [...this.#sources].map(async (source): Promise<Sample[]> => {
        const { provider } = source;
        return (await metric.read(source)).map(({ labels, value }) => ({
          labels: { provider, ...labels },
          value,
        }));
      }),
    );
    const sums = new Map<string, { labels: Labels; value: number }>();
    for (const { labels = {}, value } of samples.flat()) {
      const key = JSON.stringify(labels);
      const sum = sums.get(key);
      if (sum === undefined) sums.set(key, { labels: { ...labels }, value });
      else sum.value = metric.together === 'largest' ? Math.max(sum.value, value) : sum.value + value;
    }
    return sums.values();
  }

  #unregister(): void {
    for (const name of this.#names) this.#registry.removeSingleMetric(name);
    perRegistry.delete(this.#registry);
  }
}

function labelNames({ labels = [] }: { readonly labels?: readonly string[] }): string[] {
  return ['provider', ...labels];
}
