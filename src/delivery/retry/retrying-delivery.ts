import { type Clock, within } from '../../ports/clock.js';
import { SocketDeliveryError } from '../../ports/errors.js';
import { EVENTS_PER_BATCH } from '../../ports/limits.js';
import { rejected, unavailable } from '../../ports/losses.js';
import { recipientKey, type Relay } from '../../ports/relay.js';
import type { RelaySender } from '../../ports/relay-client.js';
import { inSlices, STEPS_AT_ONCE, type Work } from '../../ports/slices.js';
import type { DeliveryHealth } from '../../ports/socket-client.js';
import type { SocketConfig } from '../../ports/socket-config.js';
import type { DeliveryListener, DeliveryParts, RelayDelivery } from '../../relays/relay-delivery.js';
import { CircuitBreaker } from '../circuit-breaker.js';
import { Backlog } from './backlog.js';
import { BlockedLanes, RELAYS_OF_A_LANE, takeFirst, type TakenRelays } from './blocked-lanes.js';
import { Lane, lanesTo, recipientsOf } from './lane.js';
import { lossAfterAttempt, lossOfWaiting, lossWithoutRoom } from './pending-losses.js';
import { PendingRelay } from './pending-relay.js';
import { WakeTimer } from './wake-timer.js';

/** Milliseconds that {@link RetryingDelivery.close} waits for the last attempts. */
export const CLOSE_MS = 5_000;

/** In slices, the relays of so many lanes are tried again in one step: a batch of the Pusher HTTP API. */
const LANES_OF_A_STEP = EVENTS_PER_BATCH;
/**
 * While so many retries are under way, no more lanes are tried again: the client of hosted Pusher has a hundred connections, with a
 * batch on each. More would only wait there, and fail together.
 */
const RETRIES_UNDER_WAY = 1_000;

const CLOSING = 'the application is closing';

/**
 * Sends relays to a provider, and tries those again that failed in a way a retry can help: with exponential backoff and full
 * jitter, until a deadline, and behind a circuit breaker.
 *
 * Each member and each channel has a lane, which keeps the order of the calls: once a relay has failed, later ones wait
 * behind it, and it is tried again only when no attempt of its lane is under way. Other lanes go on. A relay to many waits
 * only in the lanes of the recipients who were missed.
 *
 * The client keeps the order of the attempts under way: when one fails in a way a retry can help, later ones to the same
 * member or channel have to fail too, instead of overtaking it (`SocketAdapter.isRetried`).
 */
export class RetryingDelivery implements RelayDelivery {
  readonly #provider: string;
  readonly #deadlineMs: number;
  readonly #client: RelaySender;
  readonly #clock: Clock;
  readonly #listener: DeliveryListener;
  readonly #breaker: CircuitBreaker;
  readonly #backlog: Backlog;
  /** By recipient key: the lanes in which a relay is under way or waits. */
  readonly #lanes = new Map<string, Lane>();
  readonly #blocked = new BlockedLanes();
  readonly #timer: WakeTimer;
  #calls = 0;
  #retried = 0;
  #retriesUnderWay = 0;
  /** Called when there is room for more of them. */
  #onRoom: () => void = () => undefined;
  /** The lanes that are tried again in slices, as soon as it is their turn. */
  #due: Lane[] = [];
  /** Resolves when none of these is left. */
  #retrying: Promise<void> | undefined;
  #isClosed = false;
  /** Whether the time for the last attempts is over. */
  #isOver = false;
  #onIdle: () => void = () => undefined;

  constructor(
    { provider, delivery }: Pick<SocketConfig, 'provider' | 'delivery'>,
    { client, clock, listener, logger }: DeliveryParts,
  ) {
    this.#provider = provider;
    this.#deadlineMs = delivery.retryDeadlineMs;
    this.#client = client;
    this.#clock = clock;
    this.#listener = listener;
    this.#backlog = new Backlog(delivery);
    this.#timer = new WakeTimer(clock, () => {
      this.#wake();
    });
    this.#breaker = new CircuitBreaker(
      clock,
      delivery.breakerFailures,
      () => {
        logger.warn(
          `The provider "${provider}" keeps failing: relays wait, and single relays test whether it is back`,
        );
      },
      () => {
        logger.log(
          `The provider "${provider}" is back: ${this.#backlog.recipients} relay(s) have waited for it`,
        );
        this.#blocked.hurry(clock.now());
        this.#timer.wakeBy(clock.now());
      },
    );
  }

  get queued(): number {
    return this.#backlog.relays;
  }

  get retried(): number {
    return this.#retried;
  }

  health(): DeliveryHealth {
    const { recipients, bytes } = this.#backlog;
    return { waiting: recipients, bytes, breaker: this.#breaker.state };
  }

  /**
   * Attempts a relay at once, or makes it wait behind a failed one. Resolves after that one attempt: with `sent` when it was
   * accepted for all recipients, and with `queued` when it waits for one of them.
   *
   * @throws SocketDeliveryError for recipients to whom it is lost already: it was refused for good, or cannot wait
   */
  async send(relay: Relay): Promise<'sent' | 'queued'> {
    const pending = new PendingRelay(relay, ++this.#calls, this.#clock.now(), this.#deadlineMs);
    const lanes = relay.recipients.map((recipient) => this.#lane(relay, recipient));
    const mustWait = this.#breaker.state !== 'closed' && !this.#isClosed;
    const blocked = lanes.filter(({ isFlowing }) => mustWait || !isFlowing);
    const flowing = lanes.filter(({ isFlowing }) => !mustWait && isFlowing);

    const refusal = blocked.length > 0 ? this.#waitBehind(pending, blocked) : undefined;
    const isAttempted = flowing.length > 0 || lanes.length === 0;
    const loss = isAttempted ? await this.#attempt(pending, flowing) : undefined;
    const first = refusal ?? loss;
    if (first !== undefined) {
      pending.reportLoss();
      // The call can reject with one of them only.
      if (loss !== undefined && loss !== first) this.#reportLoss(pending, loss);
      throw first;
    }
    if (pending.isSettled) return 'sent';
    pending.answerQueued();
    return 'queued';
  }

  /**
   * Attempts every waiting relay once more, and waits for the answers, at most {@link CLOSE_MS}. The rest is reported as
   * lost; nothing waits afterwards.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer.stop();
    if (this.#lanes.size === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    const retried = this.#retry(this.#blocked.all());
    await within(this.#clock, CLOSE_MS, idle, () => undefined);
    this.#isOver = true;
    this.#onRoom();
    await retried;
    const givenUp = this.#giveUp(() => true, CLOSING);
    if (givenUp !== undefined) await givenUp;
  }

  // Attempts

  #lane(relay: Relay, recipient: string): Lane {
    const key = recipientKey(relay, recipient);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new Lane(key, recipient);
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  /**
   * Attempts a relay in some of its lanes. Afterwards it is settled or waits in each of them.
   *
   * @returns the loss, where there is one
   * @throws the error of an attempt within the call, if it is not a SocketDeliveryError: only the caller can be told of it
   */
  async #attempt(
    pending: PendingRelay,
    lanes: readonly Lane[],
    isRetry = false,
  ): Promise<SocketDeliveryError | undefined> {
    const { relay } = pending;
    for (const lane of lanes) lane.startAttempt();
    pending.startAttempt();
    const isWhole = lanes.length === relay.recipients.length;
    const part = isWhole ? relay : { ...relay, recipients: recipientsOf(lanes) };
    const attempt = () => this.#client.send(part);
    try {
      // The last attempts are made in any state of the breaker.
      await (this.#isClosed ? attempt() : this.#breaker.run(attempt));
    } catch (failure) {
      if (failure instanceof SocketDeliveryError) return this.#fail(pending, lanes, isRetry, failure);
      const error = rejected(this.#provider, part, String(failure), { cause: failure });
      const loss = this.#fail(pending, lanes, isRetry, error);
      if (!isRetry) throw failure;
      return loss;
    }
    for (const lane of lanes) lane.endAttempt(true);
    this.#settle(pending, lanes.length, isRetry);
    this.#goOn(lanes);
    return undefined;
  }

  /** Makes a relay wait in the lanes that another attempt can reach. In the other lanes that the error names, the relay is lost. */
  #fail(
    pending: PendingRelay,
    lanes: readonly Lane[],
    isRetry: boolean,
    error: SocketDeliveryError,
  ): SocketDeliveryError | undefined {
    const named = lanesTo(error.lost, lanes);
    const missed = named.length > 0 ? named : lanes;
    const isOver = this.#isClosed || this.#clock.now() >= pending.deadline;
    const again = isOver ? [] : lanesTo(error.retryableLost, missed);
    const refusal = again.length > 0 && !isRetry ? this.#backlog.admit(pending, again.length) : undefined;
    const waiting = refusal === undefined ? again : [];

    const [isMissed, isWaiting] = [new Set(missed), new Set(waiting)];
    for (const lane of lanes) lane.endAttempt(!isMissed.has(lane));
    pending.failAttempt(error);
    this.#backOff(pending, waiting, error);
    const lost = recipientsOf(missed.filter((lane) => !isWaiting.has(lane)));
    if (lost.length > 0) pending.lose();
    this.#settle(pending, lanes.length - waiting.length, isRetry);
    this.#goOn(lanes);
    if (lost.length === 0) return undefined;
    return refusal === undefined
      ? lossAfterAttempt(pending, lost, error)
      : lossWithoutRoom(pending, lost, error, refusal);
  }

  #settle(pending: PendingRelay, recipients: number, wereAdmitted: boolean): void {
    const hasLeft = this.#backlog.settle(pending, recipients, wereAdmitted);
    if (pending.isSettled) this.#client.settled?.(pending.relay);
    if (hasLeft && pending.mustReportDelivery)
      this.#listener.onDelivered(pending.relay, pending.progress(this.#clock.now()));
  }

  /** Ends lanes in which nothing is left, and makes the others go on, now or later. */
  #goOn(lanes: readonly Lane[]): void {
    const { state, probeAt } = this.#breaker;
    for (const lane of lanes) {
      if (!lane.isIdle) continue;
      if (lane.first === undefined) this.#end(lane);
      else if (this.#isClosed || (!lane.isBackingOff && state === 'closed')) void this.#retry([lane]);
      else this.#timer.wakeBy(state === 'open' ? probeAt : lane.retryAt);
    }
  }

  #end(lane: Lane): void {
    this.#blocked.delete(lane);
    // It may have ended before, and another one be in its place.
    if (this.#lanes.get(lane.key) === lane) this.#lanes.delete(lane.key);
    if (this.#lanes.size === 0) this.#onIdle();
  }

  // Waiting

  /** Makes a relay wait in lanes where it cannot be attempted now. @returns the loss, where there is no room */
  #waitBehind(pending: PendingRelay, lanes: readonly Lane[]): SocketDeliveryError | undefined {
    const refusal = this.#isClosed ? CLOSING : this.#backlog.admit(pending, lanes.length);
    if (refusal !== undefined) {
      const { relay } = pending;
      pending.lose();
      this.#settle(pending, lanes.length, false);
      this.#goOn(lanes);
      return unavailable(this.#provider, relay, refusal, { lost: recipientsOf(lanes) });
    }
    this.#blocked.insert(pending, lanes);
    const { state, probeAt } = this.#breaker;
    this.#timer.wakeBy(state === 'open' ? Math.min(pending.deadline, probeAt) : pending.deadline);
    return undefined;
  }

  #backOff(pending: PendingRelay, lanes: readonly Lane[], error: SocketDeliveryError): void {
    if (lanes.length === 0) return;
    const now = this.#clock.now();
    this.#blocked.insert(pending, lanes);
    const retryAt = this.#blocked.backOff(lanes, now, error.retryAfterMs ?? 0);
    if (retryAt !== Infinity) this.#timer.wakeBy(Math.min(retryAt, pending.deadline));
    if (pending.attempts === 1) this.#listener.onRetrying(pending.relay, error, pending.progress(now));
  }

  /**
   * Loses relays from the beginning of each lane, up to the first that is not given up. Until that is told, later relays wait
   * behind them.
   *
   * @returns a promise where they are so many that it is done in slices; it resolves when they are lost
   */
  #giveUp(isGivenUp: (pending: PendingRelay) => boolean, why: string): Promise<void> | undefined {
    const removed = this.#blocked.removeWhile(isGivenUp);
    const work = this.#loseEach(removed, why);
    if (removed.length > STEPS_AT_ONCE) return inSlices(work);
    while (work.next().done !== true);
    return undefined;
  }

  *#loseEach(removed: TakenRelays, why: string): Work {
    for (const [pending, lanes] of removed) {
      pending.lose();
      this.#settle(pending, lanes.length, true);
      const loss = lossOfWaiting(this.#provider, pending, recipientsOf(lanes), why);
      pending.inContext(() => {
        this.#reportLoss(pending, loss);
      });
      this.#goOn(lanes);
      yield;
    }
  }

  #reportLoss(pending: PendingRelay, loss: SocketDeliveryError): void {
    const isFirst = pending.reportLoss();
    this.#listener.onLost(pending.relay, loss, isFirst, pending.progress(this.#clock.now()));
  }

  // Retries

  #wake(): void {
    // The lanes of a retry in slices are still due. It wakes again at its end.
    if (this.#retrying !== undefined) return;
    const now = this.#clock.now();
    void this.#giveUp(({ deadline }) => deadline <= now, `its deadline of ${this.#deadlineMs} ms has passed`);
    let retried: Promise<void> | undefined;
    if (this.#breaker.state === 'closed') retried = this.#retry(this.#blocked.due(now));
    else if (this.#breaker.state === 'open' && this.#breaker.probeAt <= now)
      this.#attemptAgain(this.#blocked.takeOldest());
    if (retried === undefined) this.#timer.wakeBy(this.#blocked.nextAt(this.#breaker));
    else void this.#wakeAfter(retried);
  }

  async #wakeAfter(retried: Promise<void>): Promise<void> {
    await retried;
    if (!this.#isClosed) this.#timer.wakeBy(this.#blocked.nextAt(this.#breaker));
  }

  /**
   * Tries the relays of these lanes again. Until it is a lane's turn, everything in it waits.
   *
   * @returns a promise where they are so many that it is done in slices; it resolves when none of them is due any more
   */
  #retry(lanes: readonly Lane[]): Promise<void> | undefined {
    const most = this.#retriesUnderWay + lanes.length * RELAYS_OF_A_LANE;
    if (this.#retrying === undefined && most <= RETRIES_UNDER_WAY) {
      this.#attemptAgain(takeFirst(lanes));
      return undefined;
    }
    for (const lane of lanes) this.#due.push(lane);
    this.#retrying ??= inSlices(this.#retryDue());
    return this.#retrying;
  }

  /** A lane in which more relays wait after an attempt gets its next turn behind all others. */
  *#retryDue(): Work {
    while (this.#due.length > 0 && !this.#isOver) {
      const group = this.#due.splice(0, LANES_OF_A_STEP);
      const due = this.#isClosed ? group : group.filter((lane) => this.#isStillDue(lane));
      this.#attemptAgain(takeFirst(due));
      yield this.#room();
    }
    this.#due = [];
    this.#retrying = undefined;
  }

  /** Resolves when more lanes can be tried again; `undefined` where they can. */
  #room(): Promise<void> | undefined {
    if (this.#retriesUnderWay < RETRIES_UNDER_WAY) return undefined;
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  /** The first attempts of a retry may have failed, and the breaker may be open again, before the last ones are made. */
  #isStillDue(lane: Lane): boolean {
    return this.#breaker.state === 'closed' && lane.retryAt <= this.#clock.now();
  }

  #attemptAgain(relays: TakenRelays): void {
    for (const [pending, lanes] of relays) {
      if (pending.attempts > 0) this.#retried++;
      this.#retriesUnderWay++;
      // It never rejects: any failure of a retry is a loss, or another wait.
      void pending.inContext(async () => {
        try {
          const loss = await this.#attempt(pending, lanes, true);
          if (loss !== undefined) this.#reportLoss(pending, loss);
        } finally {
          this.#retriesUnderWay--;
          if (this.#retriesUnderWay < RETRIES_UNDER_WAY) this.#onRoom();
        }
      });
    }
  }
}
