import {
  type DeliveryFailure,
  SocketDeliveryError,
  SocketRejectedError,
  SocketUnavailableError,
} from '../../ports/errors.js';
import type { ProviderHealth } from '../../ports/socket-client.js';
import type { Provider } from '../../ports/socket-config.js';
import { CircuitBreaker } from '../circuit-breaker.js';
import { BestEffortSender, type PairedProvider } from './best-effort-sender.js';
import { DeliveredRelays } from './delivered-relays.js';
import { recipientKey, type Relay, perform } from '../../ports/relay.js';
import { ProviderPair, type ProviderPairParts } from './provider-pair.js';

/** How long after the first is back the second is told too, where it does not serve connections of this process. */
export const STILL_THERE_MS = 10 * 60_000;

/** How many disconnects are remembered for the first provider while it fails. The oldest are forgotten first. */
export const MAX_PENDING_DISCONNECTS = 10_000;

/**
 * Two providers of which the second takes over while the breaker in front of the first is open.
 *
 * One of them is in force, and what becomes of a call is what that one made of it. The other is told too, without anybody
 * waiting for it, as long as there may be browsers on it; a browser is on exactly one of the two. One that serves
 * connections of this process always is: that costs nothing while nobody is there, and another process may have sent
 * browsers to it, for each has a breaker of its own. While the first fails, such a call, one at a time, also finds out
 * whether it is back.
 *
 * What is under way to a member or a channel decides for what comes after it: that goes to the same provider, so that it
 * fails along with what fails in front of it, and whoever tries again above keeps the order.
 */
export class Failover extends ProviderPair {
  readonly #breaker: CircuitBreaker;
  readonly #toPrimary: BestEffortSender;
  readonly #toSecondary: BestEffortSender;
  readonly #deliveredToPrimary = new DeliveredRelays();
  readonly #deliveredToSecondary = new DeliveredRelays();
  /** Whom something is under way to, and through whom. */
  readonly #inFlight = new Map<string, { readonly provider_: PairedProvider; count: number }>();
  /** Members who are to be disconnected on the first provider, too. */
  readonly #pendingDisconnects = new Set<string>();
  /** Until when there may be browsers on the second. */
  #thereUntil = -Infinity;

  constructor(parts: ProviderPairParts) {
    super(parts);
    const { primary, secondary, config, clock, logger } = parts;
    // The breaker tells that the first one fails.
    this.#toPrimary = new BestEffortSender(primary, clock);
    this.#toSecondary = new BestEffortSender(secondary, clock, logger);
    this.#breaker = new CircuitBreaker(
      clock,
      config.delivery.breakerFailures,
      () => {
        this.#thereUntil = Infinity;
        logger.warn(`The provider "${primary.provider}" keeps failing: "${secondary.provider}" takes over`);
      },
      () => {
        this.#thereUntil = clock.now() + STILL_THERE_MS;
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
    const isHelped =
      (primary.status === 'down' || this.#breaker.state !== 'closed') && secondary.status === 'up';
    return {
      ...primary,
      ...(isHelped && {
        status: 'degraded',
        connections: secondary.connections,
        reason: this.#takenOver(primary.reason),
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

  #takenOver(why: string | undefined): string {
    const { primary, secondary } = this;
    const fails = why === undefined ? '' : `"${primary.provider}" fails (${why}), and `;
    return `${fails}"${secondary.provider}" has taken over`;
  }

  protected async carry(relay: Relay): Promise<void> {
    // All of it leaves within this call, so that the order of the calls is kept.
    const parts = Array.from(this.#partsOf(relay), ([provider_, to]) =>
      this.#take(provider_, { ...relay, to }),
    );
    const outcomes = await Promise.allSettled(parts);
    const failures = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
    );
    if (failures.length > 0) throw together(failures);
  }

  protected whoKnows(): readonly [PairedProvider, PairedProvider?] {
    const { primary, secondary } = this;
    if (this.#providerInForce === secondary) return primary.isLocal ? [secondary, primary] : [secondary];
    return this.#mayHaveBrowsers ? [primary, secondary] : [primary];
  }

  get #providerInForce(): PairedProvider {
    return this.#breaker.state === 'closed' ? this.primary : this.secondary;
  }

  get #mayHaveBrowsers(): boolean {
    return this.secondary.isLocal || this.clock.now() < this.#thereUntil;
  }

  /** Who is asked for whom. What is for nobody has to be asked for too. */
  #partsOf(relay: Relay): Iterable<readonly [PairedProvider, readonly string[]]> {
    const inForce = this.#providerInForce;
    if (relay.to.length === 0) return [[inForce, []]];
    const parts = new Map<PairedProvider, string[]>();
    for (const to of relay.to) {
      const provider_ = this.#inFlight.get(recipientKey(relay, to))?.provider_ ?? inForce;
      const others = parts.get(provider_);
      if (others === undefined) parts.set(provider_, [to]);
      else others.push(to);
    }
    return parts;
  }

  /** Has one provider decide, and tells the other. */
  async #take(provider_: PairedProvider, relay: Relay): Promise<void> {
    const lines = relay.to.map((to) => recipientKey(relay, to));
    this.#enter(lines, provider_);
    try {
      await (provider_ === this.primary ? this.#askPrimary(relay) : this.#askSecondary(relay));
    } finally {
      this.#leave(lines);
    }
  }

  async #askPrimary(relay: Relay): Promise<void> {
    const call = () => perform(this.primary.client, relay);
    const isCounted = this.#breaker.state === 'closed' && relay.to.length > 0;
    const outcome = isCounted ? this.#breaker.run(call) : call();
    const told = this.#tellSecondary(relay);
    try {
      await outcome;
    } catch (error) {
      if (told !== undefined) this.#deliveredToSecondary.note(relay, error, told);
      // What serves connections of this process has served them, whatever else failed.
      if (this.primary.isLocal) this.#deliveredToPrimary.note(relay, error, Promise.resolve(true));
      throw withoutPause(error);
    }
  }

  async #askSecondary(relay: Relay): Promise<void> {
    const taken = this.#deliveredToSecondary.isTaken(relay);
    this.#tellPrimary(relay);
    if (taken !== undefined && (await taken)) return;
    await perform(this.secondary.client, relay);
  }

  #enter(lines: readonly string[], provider_: PairedProvider): void {
    for (const line of lines) {
      const there = this.#inFlight.get(line);
      if (there === undefined) this.#inFlight.set(line, { provider_, count: 1 });
      else there.count++;
    }
  }

  #leave(lines: readonly string[]): void {
    for (const line of lines) {
      const there = this.#inFlight.get(line);
      if (there !== undefined && --there.count === 0) this.#inFlight.delete(line);
    }
  }

  /** @returns whether it has taken it, once that is known; nothing where it was not told */
  #tellSecondary(relay: Relay): Promise<boolean> | undefined {
    if (!this.#mayHaveBrowsers) return undefined;
    return this.#deliveredToSecondary.isTaken(relay) ?? this.#toSecondary.send(relay);
  }

  #tellPrimary(relay: Relay): void {
    const { state, probeAt } = this.#breaker;
    // What is for nobody need not have been sent to be taken.
    const isProbe = state === 'open' && probeAt <= this.clock.now() && relay.to.length > 0;
    let told = Promise.resolve(false);
    if (isProbe || state === 'closed')
      told = this.#toPrimary.send(relay, () => this.#breaker.run(() => perform(this.primary.client, relay)));
    else if (this.primary.isLocal && this.#deliveredToPrimary.isTaken(relay) === undefined)
      told = this.#toPrimary.send(relay);
    if (relay.kind !== 'disconnect') return;
    void told.then((isTold) => {
      if (!isTold) this.#rememberDisconnect(relay.to);
    });
  }

  /** Whoever cannot be disconnected on the first provider now is so once it is back. */
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
    for (const member of this.#pendingDisconnects)
      void this.#toPrimary.send({ id: '', kind: 'disconnect', to: [member] });
    this.#pendingDisconnects.clear();
  }
}

/** A provider that wants to be left alone for a while has no say in when the other one is asked. */
function withoutPause(error: unknown): unknown {
  if (!(error instanceof SocketDeliveryError) || error.retryAfterMs === undefined) return error;
  const { message, provider, lost, retryableLost } = error;
  return deliveryError(error.retryable, message, { provider, lost, retryableLost, cause: error });
}

/** What one call fails with of which two providers had a part each. */
function together(failures: readonly unknown[]): unknown {
  const [first, second] = failures;
  if (!(first instanceof SocketDeliveryError) || !(second instanceof SocketDeliveryError)) return first;
  return deliveryError(first.retryable && second.retryable, `${first.message}; ${second.message}`, {
    provider: first.provider,
    lost: [...first.lost, ...second.lost],
    retryableLost: [...first.retryableLost, ...second.retryableLost],
    cause: first,
  });
}

function deliveryError(retryable: boolean, message: string, failure: DeliveryFailure): SocketDeliveryError {
  return retryable ? new SocketUnavailableError(message, failure) : new SocketRejectedError(message, failure);
}
