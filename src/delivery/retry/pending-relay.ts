import type { Relay } from '../../ports/relay.js';
import { type CallContext, currentContext } from '../../relays/call-context.js';
import type { Progress } from '../../relays/relay-delivery.js';

/**
 * Where a relay is on its way:
 *
 * - `attempting`: its first attempt is under way, and nothing of it is in the backlog.
 * - `waiting`: it is in the backlog: it waits, or is tried again, for at least one recipient.
 * - `settled`: it was delivered or lost to every recipient.
 */
type Stage = 'attempting' | 'waiting' | 'settled';

/**
 * How much of a relay is known to its caller and to the listener:
 *
 * - `unanswered`: its caller still waits for an answer.
 * - `queued`: its caller was answered `queued`. The delivery has to be reported to the listener.
 * - `lost`: it is lost to a recipient, and nobody knows that yet.
 * - `failed`: a loss was reported, to the caller or to the listener.
 */
type Report = 'unanswered' | 'queued' | 'lost' | 'failed';

/** A relay on its way, until it is settled for every recipient. */
export class PendingRelay {
  readonly relay: Relay;
  /** The place of its call among all calls. */
  readonly number: number;
  /** When it is given up, on the clock's {@link Clock.now}. */
  readonly deadline: number;
  /** The context of its call. Everything that is done for it later runs there. */
  readonly inContext: CallContext = currentContext();
  readonly #calledAt: number;
  #stage: Stage = 'attempting';
  #report: Report = 'unanswered';
  #unsettled: number;
  #attempts = 0;
  #lastError: Error | undefined;

  /** @param calledAt the time of the call, on the clock's {@link Clock.now} */
  constructor(relay: Relay, number: number, calledAt: number, deadlineMs: number) {
    this.relay = relay;
    this.number = number;
    this.deadline = calledAt + deadlineMs;
    this.#calledAt = calledAt;
    this.#unsettled = relay.recipients.length;
  }

  /** The bytes that it takes in the backlog, for any number of recipients. */
  get bytes(): number {
    const { payload, event = '' } = this.relay;
    return (payload?.bytes ?? 0) + event.length;
  }

  get attempts(): number {
    return this.#attempts;
  }

  /** The failure of the last attempt; absent before there is one. */
  get lastError(): Error | undefined {
    return this.#lastError;
  }

  get isWaiting(): boolean {
    return this.#stage === 'waiting';
  }

  get isSettled(): boolean {
    return this.#stage === 'settled';
  }

  /** Whether the listener has to be told once it is delivered to all its recipients. */
  get mustReportDelivery(): boolean {
    return this.#report === 'queued';
  }

  progress(now: number): Progress {
    return { attempts: this.#attempts, milliseconds: now - this.#calledAt };
  }

  startAttempt(): void {
    this.#attempts++;
  }

  failAttempt(error: Error): void {
    this.#lastError = error;
  }

  enterBacklog(): void {
    this.#stage = 'waiting';
  }

  /** Settles it for some recipients. */
  settle(recipients: number): void {
    this.#unsettled -= recipients;
    if (this.#unsettled === 0) this.#stage = 'settled';
  }

  answerQueued(): void {
    if (this.#report === 'unanswered') this.#report = 'queued';
  }

  /** Loses it to a recipient. From now on it cannot be reported as delivered. */
  lose(): void {
    if (this.#report !== 'failed') this.#report = 'lost';
  }

  /** Notes that a loss is reported. @returns whether it is the first one of this relay */
  reportLoss(): boolean {
    const isFirst = this.#report !== 'failed';
    this.#report = 'failed';
    return isFirst;
  }
}
