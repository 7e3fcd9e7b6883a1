import {
  type DeliveryFailure,
  SocketDeliveryError,
  SocketRejectedError,
  SocketUnavailableError,
} from '../../ports/errors.js';
import type { ProviderHealth } from '../../ports/socket-client.js';
import type { Provider } from '../../ports/socket-config.js';
import { Circuit } from '../circuit-breaker.js';
import { Copies, type Side } from './best-effort-sender.js';
import { Given } from './delivered-relays.js';
import { lineOf, type Order, perform } from '../../ports/relay.js';
import { TwoProviders, type TwoProvidersParts } from './provider-pair.js';

/** How long after the first is back the second is told too, where it does not serve connections of this process. */
export const STILL_THERE_MS = 10 * 60_000;

/** How many disconnects are remembered for the first provider while it fails. The oldest are forgotten first. */
export const MAX_OWED = 10_000;

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
export class Failover extends TwoProviders {
  readonly #circuit: Circuit;
  readonly #toFirst: Copies;
  readonly #toSecond: Copies;
  readonly #givenFirst = new Given();
  readonly #givenSecond = new Given();
  /** Whom something is under way to, and through whom. */
  readonly #underWay = new Map<string, { readonly side: Side; count: number }>();
  /** Members who are to be disconnected on the first provider, too. */
  readonly #owed = new Set<string>();
  /** Until when there may be browsers on the second. */
  #thereUntil = -Infinity;

  constructor(parts: TwoProvidersParts) {
    super(parts);
    const { first, second, config, clock, logger } = parts;
    // The breaker tells that the first one fails.
    this.#toFirst = new Copies(first, clock);
    this.#toSecond = new Copies(second, clock, logger);
    this.#circuit = new Circuit(
      clock,
      config.delivery.breakerFailures,
      () => {
        this.#thereUntil = Infinity;
        logger.warn(`The provider "${first.provider}" keeps failing: "${second.provider}" takes over`);
      },
      () => {
        this.#thereUntil = clock.now() + STILL_THERE_MS;
        logger.log(`The provider "${first.provider}" is back, and takes over from "${second.provider}"`);
        this.#settleWithFirst();
      },
    );
  }

  get inForce(): Provider {
    return this.#sideInForce.provider;
  }

  get counts(): { readonly missed: number } {
    return { missed: this.#toSecond.missed };
  }

  async health(): Promise<ProviderHealth> {
    const { first, second, isDraining } = await this.bothHealths();
    const isHelped = (first.status === 'down' || this.#circuit.state !== 'closed') && second.status === 'up';
    return {
      ...first,
      ...(isHelped && {
        status: 'degraded',
        connections: second.connections,
        reason: this.#takenOver(first.reason),
      }),
      ...(isDraining && { status: 'down', reason: 'draining' }),
      second: {
        ...second,
        provider: this.second.provider,
        role: 'failover',
        ...this.counts,
        breaker: this.#circuit.state,
      },
    };
  }

  #takenOver(why: string | undefined): string {
    const { first, second } = this;
    const fails = why === undefined ? '' : `"${first.provider}" fails (${why}), and `;
    return `${fails}"${second.provider}" has taken over`;
  }

  protected async carry(order: Order): Promise<void> {
    // All of it leaves within this call, so that the order of the calls is kept.
    const parts = Array.from(this.#partsOf(order), ([side, to]) => this.#take(side, { ...order, to }));
    const outcomes = await Promise.allSettled(parts);
    const failures = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
    );
    if (failures.length > 0) throw together(failures);
  }

  protected whoKnows(): readonly [Side, Side?] {
    const { first, second } = this;
    if (this.#sideInForce === second) return first.isLocal ? [second, first] : [second];
    return this.#mayHaveBrowsers ? [first, second] : [first];
  }

  get #sideInForce(): Side {
    return this.#circuit.state === 'closed' ? this.first : this.second;
  }

  get #mayHaveBrowsers(): boolean {
    return this.second.isLocal || this.clock.now() < this.#thereUntil;
  }

  /** Who is asked for whom. What is for nobody has to be asked for too. */
  #partsOf(order: Order): Iterable<readonly [Side, readonly string[]]> {
    const inForce = this.#sideInForce;
    if (order.to.length === 0) return [[inForce, []]];
    const parts = new Map<Side, string[]>();
    for (const to of order.to) {
      const side = this.#underWay.get(lineOf(order, to))?.side ?? inForce;
      const others = parts.get(side);
      if (others === undefined) parts.set(side, [to]);
      else others.push(to);
    }
    return parts;
  }

  /** Has one provider decide, and tells the other. */
  async #take(side: Side, order: Order): Promise<void> {
    const lines = order.to.map((to) => lineOf(order, to));
    this.#enter(lines, side);
    try {
      await (side === this.first ? this.#askFirst(order) : this.#askSecond(order));
    } finally {
      this.#leave(lines);
    }
  }

  async #askFirst(order: Order): Promise<void> {
    const call = () => perform(this.first.client, order);
    const isCounted = this.#circuit.state === 'closed' && order.to.length > 0;
    const outcome = isCounted ? this.#circuit.run(call) : call();
    const told = this.#tellSecond(order);
    try {
      await outcome;
    } catch (error) {
      if (told !== undefined) this.#givenSecond.note(order, error, told);
      // What serves connections of this process has served them, whatever else failed.
      if (this.first.isLocal) this.#givenFirst.note(order, error, Promise.resolve(true));
      throw withoutPause(error);
    }
  }

  async #askSecond(order: Order): Promise<void> {
    const taken = this.#givenSecond.isTaken(order);
    this.#tellFirst(order);
    if (taken !== undefined && (await taken)) return;
    await perform(this.second.client, order);
  }

  #enter(lines: readonly string[], side: Side): void {
    for (const line of lines) {
      const there = this.#underWay.get(line);
      if (there === undefined) this.#underWay.set(line, { side, count: 1 });
      else there.count++;
    }
  }

  #leave(lines: readonly string[]): void {
    for (const line of lines) {
      const there = this.#underWay.get(line);
      if (there !== undefined && --there.count === 0) this.#underWay.delete(line);
    }
  }

  /** @returns whether it has taken it, once that is known; nothing where it was not told */
  #tellSecond(order: Order): Promise<boolean> | undefined {
    if (!this.#mayHaveBrowsers) return undefined;
    return this.#givenSecond.isTaken(order) ?? this.#toSecond.send(order);
  }

  #tellFirst(order: Order): void {
    const { state, probeAt } = this.#circuit;
    // What is for nobody need not have been sent to be taken.
    const isProbe = state === 'open' && probeAt <= this.clock.now() && order.to.length > 0;
    let told = Promise.resolve(false);
    if (isProbe || state === 'closed')
      told = this.#toFirst.send(order, () => this.#circuit.run(() => perform(this.first.client, order)));
    else if (this.first.isLocal && this.#givenFirst.isTaken(order) === undefined)
      told = this.#toFirst.send(order);
    if (order.kind !== 'disconnect') return;
    void told.then((isTold) => {
      if (!isTold) this.#owe(order.to);
    });
  }

  /** Whoever cannot be disconnected on the first provider now is so once it is back. */
  #owe(members: readonly string[]): void {
    for (const member of members) {
      this.#owed.delete(member);
      this.#owed.add(member);
    }
    for (const oldest of this.#owed) {
      if (this.#owed.size <= MAX_OWED) return;
      this.#owed.delete(oldest);
    }
  }

  #settleWithFirst(): void {
    for (const member of this.#owed) void this.#toFirst.send({ id: '', kind: 'disconnect', to: [member] });
    this.#owed.clear();
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
