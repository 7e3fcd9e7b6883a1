import { fullJitterGenerator } from 'cockatiel';
import type { Clock, Timer } from '../../ports/clock.js';
import { SocketDeliveryError } from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import type { RelaySender } from '../../ports/relay-client.js';
import type { DeliveryHealth } from '../../ports/socket-client.js';
import type { DeliveryConfig } from '../../ports/socket-config.js';
import { CircuitBreaker } from '../circuit-breaker.js';
import { BlockedLanes, takeAll } from './blocked-lanes.js';
import { PendingRelay, Lane } from './lane.js';
import { LossErrors } from '../loss-errors.js';
import { recipientKey, type Relay } from '../../ports/relay.js';
import type { DeliveryListener, Progress, RelayDelivery } from '../../relays/relay-delivery.js';
import { Capacity } from '../../relays/capacity.js';

/** Between two attempts, all of it by chance. */
const BACKOFF = { generator: fullJitterGenerator, initialDelay: 250, maxDelay: 5_000, exponent: 2 };

/** What falls due within so many milliseconds is tried together, so that a provider can put it into one request. */
const GRAIN_MS = 25;

/** How long {@link RetryingDelivery.close} waits for the last attempts. */
export const CLOSE_MS = 5_000;

/**
 * Carries orders to a provider, and tries those again that fail in a way a retry can help: with exponential backoff and
 * full jitter, until a deadline, and behind a circuit breaker.
 *
 * For each member and each channel the order of the calls is kept: as soon as one has failed, what comes after it waits
 * behind it, and it is tried again only once nothing that was under way is any more. Other members and channels go on. Of
 * an order to many, only those who were missed wait.
 *
 * It counts on its client for what is under way: when a call fails in a way a retry can help, later ones to the same
 * member or channel fail too, instead of overtaking it (`SocketAdapter.isRetried`).
 */
export class RetryingDelivery implements RelayDelivery {
  readonly #config: DeliveryConfig;
  readonly #breaker: CircuitBreaker;
  readonly #losses: LossErrors;
  readonly #capacity: Capacity;
  /** Those to whom something is under way or waits. */
  readonly #lanes = new Map<string, Lane>();
  /** Those of them for whom something waits, or is tried again. */
  readonly #blocked = new BlockedLanes();
  #number = 0;
  #queued = 0;
  #retried = 0;
  #timer: Timer | undefined;
  #wakeAt = Infinity;
  #isClosed = false;
  #whenIdle: () => void = () => undefined;

  /** @param provider its name, for errors */
  constructor(
    private readonly client: RelaySender,
    provider: string,
    config: DeliveryConfig,
    private readonly clock: Clock,
    private readonly listener: DeliveryListener,
    logger: SocketLogger,
  ) {
    this.#config = config;
    this.#losses = new LossErrors(provider);
    this.#capacity = new Capacity(config.waitingRelays, config.waitingBytes);
    this.#breaker = new CircuitBreaker(
      clock,
      config.breakerFailures,
      () => {
        logger.warn(`The provider "${provider}" keeps failing: relays wait, and one at a time tries it`);
      },
      () => {
        logger.log(
          `The provider "${provider}" is back: ${this.#capacity.relays} relay(s) have waited for it`,
        );
        this.#tryAllAgain();
      },
    );
  }

  /** How many orders wait, or are tried again. */
  get queued(): number {
    return this.#queued;
  }

  /** How many attempts were made after a first one. */
  get retried(): number {
    return this.#retried;
  }

  health(): DeliveryHealth {
    return { waiting: this.#capacity.relays, bytes: this.#capacity.bytes, breaker: this.#breaker.state };
  }

  /**
   * Attempts an order at once, or has it wait behind what has failed before it. Resolves after that one attempt: with
   * `sent` when it was accepted for everybody, with `queued` when it waits for somebody.
   *
   * @throws SocketDeliveryError for what is lost already: refused for good, or no room to wait
   */
  async send(relay: Relay): Promise<'sent' | 'queued'> {
    const deadline = this.clock.now() + this.#config.retryDeadlineMs;
    const pending = new PendingRelay(relay, ++this.#number, deadline);
    const free: Lane[] = [];
    const blocked: Lane[] = [];
    const isOpen = this.#breaker.state !== 'closed' && !this.#isClosed;
    for (const to of pending.relay.recipients) {
      const lane = this.#lane(relay, to);
      (lane.isBlocked || isOpen ? blocked : free).push(lane);
    }

    const refusals: SocketDeliveryError[] = [];
    if (blocked.length > 0) {
      const refusal = this.#waitBehind(pending, blocked);
      if (refusal !== undefined) refusals.push(refusal);
    }
    if (free.length > 0 || relay.recipients.length === 0) {
      const loss = await this.#attempt(pending, free);
      if (loss !== undefined) refusals.push(loss);
    }
    const [first, second] = refusals;
    if (first !== undefined) pending.isTold = true;
    // The call can say one thing only.
    if (second !== undefined) this.#tell(pending, second);
    if (first !== undefined) throw first;
    if (pending.unsettled === 0) return 'sent';
    pending.isAnswered = true;
    return 'queued';
  }

  /**
   * Attempts what waits once more, and waits for it for {@link CLOSE_MS} at most. What is lost is told; nothing waits
   * afterwards.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.cancel();
    if (this.#lanes.size === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
    this.#retry(this.#blocked.all());
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.clock.after(CLOSE_MS, resolve);
    });
    await Promise.race([idle, late]);
    timer?.cancel();
    this.#giveUp(() => true, 'the application ends');
  }

  // What is on its way.

  #lane(relay: Relay, to: string): Lane {
    const key = recipientKey(relay, to);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new Lane(key, to);
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  /**
   * Makes one call of the port and sees to what it leaves behind.
   *
   * @returns what is lost now
   */
  async #attempt(
    pending: PendingRelay,
    lanes: readonly Lane[],
    isRetry = false,
  ): Promise<SocketDeliveryError | undefined> {
    const { relay } = pending;
    for (const lane of lanes) lane.inFlight++;
    pending.attempts++;
    const part =
      lanes.length === relay.recipients.length ? relay : { ...relay, recipients: lanes.map(({ to }) => to) };
    const call = () => this.client.send(part);
    let failure: unknown;
    try {
      // Of the last attempts each counts, whatever is known of the provider.
      await (this.#isClosed ? call() : this.#breaker.run(call));
    } catch (error) {
      failure = error;
    }
    if (failure === undefined) {
      for (const lane of lanes) this.#left(lane, true);
      this.#settle(pending, lanes.length, isRetry);
      for (const lane of lanes) this.#goOn(lane);
      return undefined;
    }
    const error = failure instanceof SocketDeliveryError ? failure : this.#losses.rejected(failure, part);
    const loss = this.#missed(pending, lanes, isRetry, error);
    // Whoever called can still be told what it is; nobody else can.
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- as it came
    if (error !== failure && !isRetry) throw failure;
    return loss;
  }

  /** Sees to those that an error names: they wait, or are lost. */
  #missed(
    pending: PendingRelay,
    lanes: readonly Lane[],
    isRetry: boolean,
    error: SocketDeliveryError,
  ): SocketDeliveryError | undefined {
    const lost = new Set(error.lost);
    const missed = lanes.filter(({ to }) => lost.has(to));
    // One that names nobody of them is about them all.
    if (missed.length === 0) missed.push(...lanes);
    const retryable = new Set(error.retryableLost);
    const isOver = this.#isClosed || this.clock.now() >= pending.deadline;
    const later = isOver ? [] : missed.filter(({ to }) => retryable.has(to));
    const refusal = later.length > 0 && !isRetry ? this.#store(pending, later.length) : undefined;
    const again = new Set(refusal === undefined ? later : []);
    const gone = missed.filter((lane) => !again.has(lane));

    const isMissed = new Set(missed);
    for (const lane of lanes) this.#left(lane, !isMissed.has(lane));
    pending.lastError = error;
    this.#putOff([...again], pending, error.retryAfterMs);
    if (again.size > 0 && pending.attempts === 1) this.#onRetrying(pending, error);
    const loss = gone.length === 0 ? undefined : this.#lossOf(pending, gone, error, refusal);
    if (loss !== undefined) pending.isLost = true;
    this.#settle(pending, lanes.length - again.size, isRetry);
    for (const lane of lanes) this.#goOn(lane);
    return loss;
  }

  #lossOf(
    { relay, attempts }: PendingRelay,
    gone: readonly Lane[],
    error: SocketDeliveryError,
    refusal: string | undefined,
  ): SocketDeliveryError {
    return refusal === undefined
      ? this.#losses.afterAttempt(error, attempts, gone)
      : this.#losses.unavailable(relay, gone, `${refusal}, after: ${error.message}`, error);
  }

  #left(lane: Lane, isAccepted: boolean): void {
    lane.inFlight--;
    if (isAccepted) lane.failures = 0;
  }

  /** So many of whom it is for are settled, after they waited or not. */
  #settle(pending: PendingRelay, count: number, haveWaited: boolean): void {
    pending.unsettled -= count;
    if (haveWaited) this.#capacity.release(count, 0);
    if (pending.unsettled > 0 || !pending.isStored) return;
    pending.isStored = false;
    this.#capacity.release(0, pending.bytes);
    this.#queued--;
    if (pending.isAnswered && !pending.isLost) {
      this.listener.onDelivered(pending.relay, this.#progress(pending));
    }
  }

  /** Has them wait for their next attempt, all for the same time where they have failed as often. */
  #putOff(lanes: readonly Lane[], pending: PendingRelay, retryAfterMs = 0): void {
    const now = this.clock.now();
    const delays = new Map<number, number>();
    for (const lane of lanes) {
      lane.insert(pending);
      this.#blocked.hold(lane);
      if (lane.isPutOff) continue;
      lane.isPutOff = true;
      const delay = delays.get(lane.failures) ?? fullJitterGenerator(lane.failures, BACKOFF)[0];
      delays.set(lane.failures, delay);
      lane.failures++;
      lane.dueAt = now + Math.max(delay, retryAfterMs);
      this.#wakeBy(Math.min(lane.dueAt, pending.deadline));
    }
  }

  /** Lets a line end, or go on with what waits in it. */
  #goOn(lane: Lane): void {
    if (lane.inFlight > 0) return;
    if (lane.waiting.length === 0) {
      this.#blocked.release(lane);
      this.#lanes.delete(lane.key);
      if (this.#lanes.size === 0) this.#whenIdle();
    } else if (this.#isClosed || (!lane.isPutOff && this.#breaker.state === 'closed')) {
      this.#retry([lane]);
    } else {
      this.#wakeBy(this.#breaker.state === 'open' ? this.#breaker.probeAt : lane.dueAt);
    }
  }

  // What waits.

  /** @returns what is lost because there is no room */
  #waitBehind(pending: PendingRelay, lanes: readonly Lane[]): SocketDeliveryError | undefined {
    const refusal = this.#isClosed ? 'the application ends' : this.#store(pending, lanes.length);
    if (refusal !== undefined) {
      const error = this.#losses.unavailable(pending.relay, lanes, refusal);
      pending.isLost = true;
      this.#settle(pending, lanes.length, false);
      for (const lane of lanes) this.#goOn(lane);
      return error;
    }
    for (const lane of lanes) {
      lane.insert(pending);
      this.#blocked.hold(lane);
    }
    // The first to wait for a provider that is left alone, and the first to be given up.
    this.#wakeBy(
      Math.min(pending.deadline, this.#breaker.state === 'open' ? this.#breaker.probeAt : Infinity),
    );
    return undefined;
  }

  /** @returns why there is no room */
  #store(pending: PendingRelay, relays: number): string | undefined {
    const refusal = this.#capacity.acquire(relays, pending.isStored ? 0 : pending.bytes);
    if (refusal === undefined && !pending.isStored) {
      pending.isStored = true;
      this.#queued++;
    }
    return refusal;
  }

  /** Gives up what waits, as far as this holds of it. */
  #giveUp(isOver: (pending: PendingRelay) => boolean, why: string): void {
    for (const [pending, lanes] of this.#blocked.takeFirst(isOver)) {
      pending.isLost = true;
      this.#settle(pending, lanes.length, true);
      const { lastError, attempts, relay } = pending;
      const reason =
        lastError === undefined ? why : `${why}, after ${attempts} attempt(s): ${lastError.message}`;
      this.#tell(pending, this.#losses.unavailable(relay, lanes, reason, lastError));
      for (const lane of lanes) this.#goOn(lane);
    }
  }

  // Trying again.

  /** Everything that waits in these lines, in the order of the calls, and what is one order as one call. */
  #retry(lanes: readonly Lane[]): void {
    for (const [pending, to] of takeAll(lanes)) this.#tryAgain(pending, to);
  }

  /** The oldest that waits, alone. */
  #probe(): void {
    for (const [pending, to] of this.#blocked.takeOldest()) this.#tryAgain(pending, to);
  }

  #tryAgain(pending: PendingRelay, lanes: readonly Lane[]): void {
    if (pending.attempts > 0) this.#retried++;
    // It never rejects: what a retry fails with is a loss, whatever it is.
    void this.#attempt(pending, lanes, true).then((loss) => {
      if (loss !== undefined) this.#tell(pending, loss);
    });
  }

  #tell(pending: PendingRelay, loss: SocketDeliveryError): void {
    const isFirst = !pending.isTold;
    pending.isTold = true;
    this.listener.onLost(pending.relay, loss, isFirst, this.#progress(pending));
  }

  #onRetrying(pending: PendingRelay, error: Error): void {
    this.listener.onRetrying(pending.relay, error, this.#progress(pending));
  }

  #progress({ attempts, deadline }: PendingRelay): Progress {
    const calledAt = deadline - this.#config.retryDeadlineMs;
    return { attempts, milliseconds: this.clock.now() - calledAt };
  }

  #tryAllAgain(): void {
    const now = this.clock.now();
    this.#blocked.hurry(now);
    this.#wakeBy(now);
  }

  #wakeBy(time: number): void {
    if (this.#isClosed || time === Infinity) return;
    const now = this.clock.now();
    const at = Math.max(now, Math.ceil(time / GRAIN_MS) * GRAIN_MS);
    if (at >= this.#wakeAt) return;
    this.#timer?.cancel();
    this.#wakeAt = at;
    this.#timer = this.clock.after(at - now, () => {
      this.#wake();
    });
  }

  #wake(): void {
    this.#wakeAt = Infinity;
    const now = this.clock.now();
    const { retryDeadlineMs } = this.#config;
    this.#giveUp(({ deadline }) => deadline <= now, `it could not be delivered within ${retryDeadlineMs} ms`);
    if (this.#breaker.state === 'closed') this.#retry(this.#blocked.due(now));
    else if (this.#breaker.state === 'open' && this.#breaker.probeAt <= now) this.#probe();

    this.#wakeBy(this.#blocked.nextAt(this.#breaker.state, this.#breaker.probeAt));
  }
}
