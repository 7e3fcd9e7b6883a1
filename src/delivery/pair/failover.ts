import { SocketDeliveryError } from '../../ports/errors.js';
import { deliveryError } from '../../ports/losses.js';
import { createDisconnect, recipientKey, type Relay } from '../../ports/relay.js';
import type { ProviderHealth } from '../../ports/socket-client.js';
import type { Provider } from '../../ports/socket-config.js';
import { CircuitBreaker } from '../circuit-breaker.js';
import { BestEffortSender, type PairedProvider } from './best-effort-sender.js';
import { DeliveredRelays } from './delivered-relays.js';
import { ProviderPair, type ProviderPairParts } from './provider-pair.js';

/** Milliseconds for which the secondary still gets relays after the primary is back, where it is no part of this process. */
export const STILL_THERE_MS = 10 * 60_000;

/** Disconnects that are remembered for the primary while it fails. The oldest are forgotten first. */
export const MAX_PENDING_DISCONNECTS = 10_000;

/**
 * Two providers. The secondary takes over while the breaker in front of the primary is open.
 *
 * One of them is in force, and decides the outcome of a relay. The other one gets the relay too, and nobody waits for it, as
 * long as there may be browsers on it; a browser is on exactly one of the two. A provider that serves connections of this
 * process always gets it: that costs nothing while nobody is there, and another process, whose breaker is its own, may have
 * sent browsers to it. While the primary fails, one such relay at a time also finds out whether it is back.
 *
 * A relay under way to a member or a channel decides the provider of the following ones: they fail together, and the
 * retrying delivery in front keeps the order.
 */
export class Failover extends ProviderPair {
  readonly #breaker: CircuitBreaker;
  readonly #toPrimary: BestEffortSender;
  readonly #toSecondary: BestEffortSender;
  readonly #deliveredByPrimary: DeliveredRelays;
  readonly #deliveredBySecondary: DeliveredRelays;
  /** By recipient: how many relays are under way, and through which provider. */
  readonly #inFlight = new Map<string, { readonly through: PairedProvider; count: number }>();
  /** Members who still have to be disconnected on the primary. */
  readonly #pendingDisconnects = new Set<string>();
  /** Until when there may be browsers on the secondary, on the clock's {@link Clock.now}. */
  #browsersUntil = -Infinity;

  constructor(parts: ProviderPairParts) {
    super(parts);
    const { primary, secondary, config, clock, logger } = parts;
    this.#deliveredByPrimary = new DeliveredRelays(parts.isRetried);
    this.#deliveredBySecondary = new DeliveredRelays(parts.isRetried);
    // The breaker logs the primary's failures.
    this.#toPrimary = new BestEffortSender(primary, clock);
    this.#toSecondary = new BestEffortSender(secondary, clock, logger);
    this.#breaker = new CircuitBreaker(
      clock,
      config.delivery.breakerFailures,
      () => {
        this.#browsersUntil = Infinity;
        logger.warn(`The provider "${primary.provider}" keeps failing: "${secondary.provider}" takes over`);
      },
      () => {
        this.#browsersUntil = clock.now() + STILL_THERE_MS;
        logger.log(`The provider "${primary.provider}" is back, and takes over from "${secondary.provider}"`);
        this.#sendPendingDisconnects();
      },
    );
  }

  get inForce(): Provider {
    return this.#providerInForce.provider;
  }

  get counts(): { readonly missed: number } {
    return { missed: this.#toSecondary.missed };
  }

  async health(): Promise<ProviderHealth> {
    const { primary, secondary, isDraining } = await this.bothHealths();
    const isTakenOver =
      (primary.status === 'down' || this.#breaker.state !== 'closed') && secondary.status === 'up';
    return {
      ...primary,
      ...(isTakenOver && {
        status: 'degraded',
        connections: secondary.connections,
        reason: this.#takeoverReason(primary.reason),
      }),
      ...(isDraining && { status: 'down', reason: 'draining' }),
      second: {
        ...secondary,
        provider: this.secondary.provider,
        role: 'failover',
        ...this.counts,
        breaker: this.#breaker.state,
      },
    };
  }

  #takeoverReason(why: string | undefined): string {
    const { primary, secondary } = this;
    const fails = why === undefined ? '' : `"${primary.provider}" fails (${why}), and `;
    return `${fails}"${secondary.provider}" has taken over`;
  }

  async send(relay: Relay): Promise<void> {
    // Every part leaves within this call, so that the order of the calls is kept.
    const parts = Array.from(this.#split(relay), ([through, recipients]) =>
      this.#sendThrough(through, { ...relay, recipients }),
    );
    const outcomes = await Promise.allSettled(parts);
    const failures = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
    );
    if (failures.length > 0) throw combined(failures);
  }

  protected providersWithMembers(): readonly [PairedProvider, PairedProvider?] {
    const { primary, secondary } = this;
    if (this.#providerInForce === secondary) return primary.isLocal ? [secondary, primary] : [secondary];
    return this.#mayHaveBrowsers ? [primary, secondary] : [primary];
  }

  get #providerInForce(): PairedProvider {
    return this.#breaker.state === 'closed' ? this.primary : this.secondary;
  }

  get #mayHaveBrowsers(): boolean {
    return this.secondary.isLocal || this.clock.now() < this.#browsersUntil;
  }

  /** Splits the recipients by provider. A relay without recipients still goes to the provider in force. */
  #split(relay: Relay): Iterable<readonly [PairedProvider, readonly string[]]> {
    const inForce = this.#providerInForce;
    if (relay.recipients.length === 0) return [[inForce, []]];
    const parts = new Map<PairedProvider, string[]>();
    for (const recipient of relay.recipients) {
      const through = this.#inFlight.get(recipientKey(relay, recipient))?.through ?? inForce;
      const others = parts.get(through);
      if (others === undefined) parts.set(through, [recipient]);
      else others.push(recipient);
    }
    return parts;
  }

  /** Lets one provider decide, and sends the relay to the other one too. */
  async #sendThrough(through: PairedProvider, relay: Relay): Promise<void> {
    const keys = relay.recipients.map((recipient) => recipientKey(relay, recipient));
    this.#enter(keys, through);
    try {
      await (through === this.primary ? this.#decideByPrimary(relay) : this.#decideBySecondary(relay));
    } finally {
      this.#leave(keys);
    }
  }

  async #decideByPrimary(relay: Relay): Promise<void> {
    const attempt = () => this.primary.client.send(relay);
    const isCounted = this.#breaker.state === 'closed' && relay.recipients.length > 0;
    const outcome = isCounted ? this.#breaker.run(attempt) : attempt();
    const copied = this.#copyToSecondary(relay);
    try {
      await outcome;
    } catch (error) {
      if (copied !== undefined) this.#deliveredBySecondary.remember(relay, error, copied);
      // A provider of this process has served its connections, whatever else failed.
      if (this.primary.isLocal) this.#deliveredByPrimary.remember(relay, error, Promise.resolve(true));
      throw withoutPause(error);
    }
  }

  async #decideBySecondary(relay: Relay): Promise<void> {
    const earlier = this.#deliveredBySecondary.isTaken(relay);
    this.#copyToPrimary(relay);
    if (earlier === undefined || !(await earlier)) await this.secondary.client.send(relay);
  }

  settled(relay: Relay): void {
    this.#deliveredByPrimary.settled(relay);
    this.#deliveredBySecondary.settled(relay);
  }

  #enter(keys: readonly string[], through: PairedProvider): void {
    for (const key of keys) {
      const entry = this.#inFlight.get(key);
      if (entry === undefined) this.#inFlight.set(key, { through, count: 1 });
      else entry.count++;
    }
  }

  #leave(keys: readonly string[]): void {
    for (const key of keys) {
      const entry = this.#inFlight.get(key);
      if (entry !== undefined && --entry.count === 0) this.#inFlight.delete(key);
    }
  }

  /** @returns whether the secondary took the relay, once that is known; nothing where it did not get it */
  #copyToSecondary(relay: Relay): Promise<boolean> | undefined {
    if (!this.#mayHaveBrowsers) return undefined;
    return this.#deliveredBySecondary.isTaken(relay) ?? this.#toSecondary.send(relay);
  }

  #copyToPrimary(relay: Relay): void {
    const { state, probeAt } = this.#breaker;
    // The success of a relay without recipients proves nothing.
    const isProbe = state === 'open' && probeAt <= this.clock.now() && relay.recipients.length > 0;
    let copied = Promise.resolve(false);
    if (isProbe || state === 'closed')
      copied = this.#toPrimary.send(relay, () => this.#breaker.run(() => this.primary.client.send(relay)));
    else if (this.primary.isLocal && this.#deliveredByPrimary.isTaken(relay) === undefined)
      copied = this.#toPrimary.send(relay);
    if (relay.kind !== 'disconnect') return;
    void copied.then((isCopied) => {
      if (!isCopied) this.#rememberDisconnect(relay.recipients);
    });
  }

  /** Members who cannot be disconnected on the primary now are disconnected once it is back. */
  #rememberDisconnect(members: readonly string[]): void {
    for (const member of members) {
      this.#pendingDisconnects.delete(member);
      this.#pendingDisconnects.add(member);
    }
    for (const oldest of this.#pendingDisconnects) {
      if (this.#pendingDisconnects.size <= MAX_PENDING_DISCONNECTS) return;
      this.#pendingDisconnects.delete(oldest);
    }
  }

  #sendPendingDisconnects(): void {
    for (const member of this.#pendingDisconnects) void this.#toPrimary.send(createDisconnect(member));
    this.#pendingDisconnects.clear();
  }
}

/** A pause that one provider asks for does not delay the next attempt, which may go to the other one. */
function withoutPause(error: unknown): unknown {
  if (!(error instanceof SocketDeliveryError) || error.retryAfterMs === undefined) return error;
  const { message, provider, lost, retryableLost } = error;
  return deliveryError(error.retryable, message, { provider, lost, retryableLost, cause: error });
}

/** The one error of a relay of which each provider had a part. */
function combined(failures: readonly unknown[]): unknown {
  const [first, second] = failures;
  if (!(first instanceof SocketDeliveryError) || !(second instanceof SocketDeliveryError)) return first;
  return deliveryError(first.retryable && second.retryable, `${first.message}; ${second.message}`, {
    provider: first.provider,
    lost: [...first.lost, ...second.lost],
    retryableLost: [...first.retryableLost, ...second.retryableLost],
    cause: first,
  });
}
