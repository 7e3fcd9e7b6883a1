import { fullJitterGenerator } from 'cockatiel';
import type { Clock, Timer } from '../../ports/clock.js';
import { SocketDeliveryError } from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import type { DeliveryHealth, ISocketClient } from '../../ports/socket-client.js';
import type { DeliveryConfig } from '../../ports/socket-config.js';
import { Circuit } from '../circuit-breaker.js';
import { HeldLines, takeAll } from './blocked-lanes.js';
import { Consignment, Line } from './lane.js';
import { Losses } from '../loss-errors.js';
import { lineOf, type Order, perform } from '../../ports/relay.js';
import type { DeliveryListener, Progress, RelayDelivery } from '../../relays/relay-delivery.js';
import { WaitingRoom } from '../../relays/capacity.js';

/** Between two attempts, all of it by chance. */
const BACKOFF = { generator: fullJitterGenerator, initialDelay: 250, maxDelay: 5_000, exponent: 2 };

/** What falls due within so many milliseconds is tried together, so that a provider can put it into one request. */
const GRAIN_MS = 25;

/** How long {@link Delivery.close} waits for the last attempts. */
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
export class Delivery implements RelayDelivery {
  readonly #config: DeliveryConfig;
  readonly #circuit: Circuit;
  readonly #losses: Losses;
  readonly #room: WaitingRoom;
  /** Those to whom something is under way or waits. */
  readonly #lines = new Map<string, Line>();
  /** Those of them for whom something waits, or is tried again. */
  readonly #held = new HeldLines();
  #number = 0;
  #queued = 0;
  #retried = 0;
  #timer: Timer | undefined;
  #wakeAt = Infinity;
  #isClosed = false;
  #whenIdle: () => void = () => undefined;

  /** @param provider its name, for errors */
  constructor(
    private readonly client: ISocketClient,
    provider: string,
    config: DeliveryConfig,
    private readonly clock: Clock,
    private readonly listener: DeliveryListener,
    logger: SocketLogger,
  ) {
    this.#config = config;
    this.#losses = new Losses(provider);
    this.#room = new WaitingRoom(config.waitingRelays, config.waitingBytes);
    this.#circuit = new Circuit(
      clock,
      config.breakerFailures,
      () => {
        logger.warn(`The provider "${provider}" keeps failing: relays wait, and one at a time tries it`);
      },
      () => {
        logger.log(`The provider "${provider}" is back: ${this.#room.relays} relay(s) have waited for it`);
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
    return { waiting: this.#room.relays, bytes: this.#room.bytes, breaker: this.#circuit.state };
  }

  /**
   * Attempts an order at once, or has it wait behind what has failed before it. Resolves after that one attempt: with
   * `sent` when it was accepted for everybody, with `queued` when it waits for somebody.
   *
   * @throws SocketDeliveryError for what is lost already: refused for good, or no room to wait
   */
  async send(order: Order): Promise<'sent' | 'queued'> {
    const deadline = this.clock.now() + this.#config.retryDeadlineMs;
    const consignment = new Consignment(copyOf(order), ++this.#number, deadline);
    const free: Line[] = [];
    const blocked: Line[] = [];
    const isOpen = this.#circuit.state !== 'closed' && !this.#isClosed;
    for (const to of consignment.order.to) {
      const line = this.#line(order, to);
      (line.isHeld || isOpen ? blocked : free).push(line);
    }

    const refusals: SocketDeliveryError[] = [];
    if (blocked.length > 0) {
      const refusal = this.#waitBehind(consignment, blocked);
      if (refusal !== undefined) refusals.push(refusal);
    }
    if (free.length > 0 || order.to.length === 0) {
      const loss = await this.#attempt(consignment, free);
      if (loss !== undefined) refusals.push(loss);
    }
    const [first, second] = refusals;
    if (first !== undefined) consignment.isTold = true;
    // The call can say one thing only.
    if (second !== undefined) this.#tell(consignment, second);
    if (first !== undefined) throw first;
    if (consignment.unsettled === 0) return 'sent';
    consignment.isAnswered = true;
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
    if (this.#lines.size === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
    this.#retry(this.#held.all());
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.clock.after(CLOSE_MS, resolve);
    });
    await Promise.race([idle, late]);
    timer?.cancel();
    this.#giveUp(() => true, 'the application ends');
  }

  // What is on its way.

  #line(order: Order, to: string): Line {
    const key = lineOf(order, to);
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = new Line(key, to);
      this.#lines.set(key, line);
    }
    return line;
  }

  /**
   * Makes one call of the port and sees to what it leaves behind.
   *
   * @returns what is lost now
   */
  async #attempt(
    consignment: Consignment,
    lines: readonly Line[],
    isRetry = false,
  ): Promise<SocketDeliveryError | undefined> {
    const { order } = consignment;
    for (const line of lines) line.inFlight++;
    consignment.attempts++;
    const part = lines.length === order.to.length ? order : { ...order, to: lines.map(({ to }) => to) };
    const call = () => perform(this.client, part);
    let failure: unknown;
    try {
      // Of the last attempts each counts, whatever is known of the provider.
      await (this.#isClosed ? call() : this.#circuit.run(call));
    } catch (error) {
      failure = error;
    }
    if (failure === undefined) {
      for (const line of lines) this.#left(line, true);
      this.#settle(consignment, lines.length, isRetry);
      for (const line of lines) this.#goOn(line);
      return undefined;
    }
    const error = failure instanceof SocketDeliveryError ? failure : this.#losses.rejected(failure, part);
    const loss = this.#missed(consignment, lines, isRetry, error);
    // Whoever called can still be told what it is; nobody else can.
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- as it came
    if (error !== failure && !isRetry) throw failure;
    return loss;
  }

  /** Sees to those that an error names: they wait, or are lost. */
  #missed(
    consignment: Consignment,
    lines: readonly Line[],
    isRetry: boolean,
    error: SocketDeliveryError,
  ): SocketDeliveryError | undefined {
    const lost = new Set(error.lost);
    const missed = lines.filter(({ to }) => lost.has(to));
    // One that names nobody of them is about them all.
    if (missed.length === 0) missed.push(...lines);
    const retryable = new Set(error.retryableLost);
    const isOver = this.#isClosed || this.clock.now() >= consignment.deadline;
    const later = isOver ? [] : missed.filter(({ to }) => retryable.has(to));
    const refusal = later.length > 0 && !isRetry ? this.#store(consignment, later.length) : undefined;
    const again = new Set(refusal === undefined ? later : []);
    const gone = missed.filter((line) => !again.has(line));

    const isMissed = new Set(missed);
    for (const line of lines) this.#left(line, !isMissed.has(line));
    consignment.lastError = error;
    this.#putOff([...again], consignment, error.retryAfterMs);
    if (again.size > 0 && consignment.attempts === 1) this.#waits(consignment, error);
    const loss = gone.length === 0 ? undefined : this.#lossOf(consignment, gone, error, refusal);
    if (loss !== undefined) consignment.isLost = true;
    this.#settle(consignment, lines.length - again.size, isRetry);
    for (const line of lines) this.#goOn(line);
    return loss;
  }

  #lossOf(
    { order, attempts }: Consignment,
    gone: readonly Line[],
    error: SocketDeliveryError,
    refusal: string | undefined,
  ): SocketDeliveryError {
    return refusal === undefined
      ? this.#losses.afterAttempt(error, attempts, gone)
      : this.#losses.unavailable(order, gone, `${refusal}, after: ${error.message}`, error);
  }

  #left(line: Line, isAccepted: boolean): void {
    line.inFlight--;
    if (isAccepted) line.failures = 0;
  }

  /** So many of whom it is for are settled, after they waited or not. */
  #settle(consignment: Consignment, count: number, haveWaited: boolean): void {
    consignment.unsettled -= count;
    if (haveWaited) this.#room.leave(count, 0);
    if (consignment.unsettled > 0 || !consignment.isStored) return;
    consignment.isStored = false;
    this.#room.leave(0, consignment.bytes);
    this.#queued--;
    if (consignment.isAnswered && !consignment.isLost) {
      this.listener.arrived(consignment.order, this.#progress(consignment));
    }
  }

  /** Has them wait for their next attempt, all for the same time where they have failed as often. */
  #putOff(lines: readonly Line[], consignment: Consignment, retryAfterMs = 0): void {
    const now = this.clock.now();
    const delays = new Map<number, number>();
    for (const line of lines) {
      line.insert(consignment);
      this.#held.hold(line);
      if (line.isPutOff) continue;
      line.isPutOff = true;
      const delay = delays.get(line.failures) ?? fullJitterGenerator(line.failures, BACKOFF)[0];
      delays.set(line.failures, delay);
      line.failures++;
      line.dueAt = now + Math.max(delay, retryAfterMs);
      this.#wakeBy(Math.min(line.dueAt, consignment.deadline));
    }
  }

  /** Lets a line end, or go on with what waits in it. */
  #goOn(line: Line): void {
    if (line.inFlight > 0) return;
    if (line.waiting.length === 0) {
      this.#held.release(line);
      this.#lines.delete(line.key);
      if (this.#lines.size === 0) this.#whenIdle();
    } else if (this.#isClosed || (!line.isPutOff && this.#circuit.state === 'closed')) {
      this.#retry([line]);
    } else {
      this.#wakeBy(this.#circuit.state === 'open' ? this.#circuit.probeAt : line.dueAt);
    }
  }

  // What waits.

  /** @returns what is lost because there is no room */
  #waitBehind(consignment: Consignment, lines: readonly Line[]): SocketDeliveryError | undefined {
    const refusal = this.#isClosed ? 'the application ends' : this.#store(consignment, lines.length);
    if (refusal !== undefined) {
      const error = this.#losses.unavailable(consignment.order, lines, refusal);
      consignment.isLost = true;
      this.#settle(consignment, lines.length, false);
      for (const line of lines) this.#goOn(line);
      return error;
    }
    for (const line of lines) {
      line.insert(consignment);
      this.#held.hold(line);
    }
    // The first to wait for a provider that is left alone, and the first to be given up.
    this.#wakeBy(
      Math.min(consignment.deadline, this.#circuit.state === 'open' ? this.#circuit.probeAt : Infinity),
    );
    return undefined;
  }

  /** @returns why there is no room */
  #store(consignment: Consignment, relays: number): string | undefined {
    const refusal = this.#room.take(relays, consignment.isStored ? 0 : consignment.bytes);
    if (refusal === undefined && !consignment.isStored) {
      consignment.isStored = true;
      this.#queued++;
    }
    return refusal;
  }

  /** Gives up what waits, as far as this holds of it. */
  #giveUp(isOver: (consignment: Consignment) => boolean, why: string): void {
    for (const [consignment, lines] of this.#held.takeFirst(isOver)) {
      consignment.isLost = true;
      this.#settle(consignment, lines.length, true);
      const { lastError, attempts, order } = consignment;
      const reason =
        lastError === undefined ? why : `${why}, after ${attempts} attempt(s): ${lastError.message}`;
      this.#tell(consignment, this.#losses.unavailable(order, lines, reason, lastError));
      for (const line of lines) this.#goOn(line);
    }
  }

  // Trying again.

  /** Everything that waits in these lines, in the order of the calls, and what is one order as one call. */
  #retry(lines: readonly Line[]): void {
    for (const [consignment, to] of takeAll(lines)) this.#tryAgain(consignment, to);
  }

  /** The oldest that waits, alone. */
  #probe(): void {
    for (const [consignment, to] of this.#held.takeOldest()) this.#tryAgain(consignment, to);
  }

  #tryAgain(consignment: Consignment, lines: readonly Line[]): void {
    if (consignment.attempts > 0) this.#retried++;
    // It never rejects: what a retry fails with is a loss, whatever it is.
    void this.#attempt(consignment, lines, true).then((loss) => {
      if (loss !== undefined) this.#tell(consignment, loss);
    });
  }

  #tell(consignment: Consignment, loss: SocketDeliveryError): void {
    const isFirst = !consignment.isTold;
    consignment.isTold = true;
    this.listener.lost(consignment.order, loss, isFirst, this.#progress(consignment));
  }

  #waits(consignment: Consignment, error: Error): void {
    this.listener.waits(consignment.order, error, this.#progress(consignment));
  }

  #progress({ attempts, deadline }: Consignment): Progress {
    const calledAt = deadline - this.#config.retryDeadlineMs;
    return { attempts, milliseconds: this.clock.now() - calledAt };
  }

  #tryAllAgain(): void {
    const now = this.clock.now();
    this.#held.hurry(now);
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
    if (this.#circuit.state === 'closed') this.#retry(this.#held.due(now));
    else if (this.#circuit.state === 'open' && this.#circuit.probeAt <= now) this.#probe();

    this.#wakeBy(this.#held.nextAt(this.#circuit.state, this.#circuit.probeAt));
  }
}

/** What is sent is what it was when it was called for, however much later. */
function copyOf(order: Order): Order {
  const { to, options } = order;
  return { ...order, to: [...new Set(to)], ...(options !== undefined && { options: { ...options } }) };
}
