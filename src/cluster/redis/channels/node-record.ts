import type { FullReport } from '../scripts/occupancy-messages.js';

/**
 * - `absent`: Redis does not have this node.
 * - `unsure`: Redis may have this node, or something that is no longer so. The next report has to contain everything.
 * - `exact`: Redis has what this node reported last. The next report contains only the changes.
 */
type RecordState = 'absent' | 'unsure' | 'exact';

/** The record that Redis has of this node on one channel, as far as this node knows. */
export class NodeRecord {
  #state: RecordState = 'absent';
  #isRegistered = false;
  /** The lease name under which Redis had this node last; empty when the node had no part in the channel. */
  #countedAs = '';
  #resets = 0;
  #answered: number;
  #isUnanswered = false;
  /** Whether Redis did not have this node before the report under way. */
  #wasAbsent = false;

  /** @param answered the number of this process's last report of any channel: Redis cannot have a later one of this channel */
  constructor(answered: number) {
    this.#answered = answered;
  }

  /** The number of the last report that was answered. */
  get answered(): number {
    return this.#answered;
  }

  /** Whether reports were sent since that were not answered. */
  get isUnanswered(): boolean {
    return this.#isUnanswered;
  }

  /** Whether Redis has what this node reported last, so that a report contains only the changes. */
  get isExact(): boolean {
    return this.#state === 'exact';
  }

  /** Whether it is known what Redis has of this node. */
  get isSure(): boolean {
    return this.#state !== 'unsure';
  }

  /** Whether this node is subscribed to the channel's bus, and the channel is on the list of this node's channels. */
  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  /** Whether Redis had this node after the last report that was accepted. */
  get wasCounted(): boolean {
    return this.#countedAs !== '';
  }

  /** How often everything had to be reported again. */
  get resets(): number {
    return this.#resets;
  }

  /** Whether there is something to report without subscriptions: Redis may have this node. */
  get mustBeReported(): boolean {
    return this.#state !== 'absent';
  }

  /** The connection, the data or this node's lease is a new one: everything has to be registered and reported again. */
  reset(): void {
    this.#isRegistered = false;
    this.doubt();
    this.#resets++;
  }

  /** A report failed, or Redis does not have the last one. */
  doubt(): void {
    if (this.#state === 'exact') this.#state = 'unsure';
  }

  /** Redis has something else of this node than the node has reported. */
  differs(): void {
    this.#state = 'unsure';
    this.#isRegistered = false;
  }

  /**
   * A registration is done.
   *
   * @param resets {@link resets} when it began. After a reset it was for the connection or the lease of before.
   * @returns whether it counts
   */
  registered(resets: number): boolean {
    this.#isRegistered = resets === this.#resets;
    return this.#isRegistered;
  }

  /** This node is no longer subscribed to the channel's bus. */
  unsubscribed(): void {
    this.#isRegistered = false;
  }

  /**
   * The part of a report that Redis needs in addition to the changes; `undefined` when the changes are enough.
   *
   * @param members this node's members, and those that it knows of
   */
  fullReport(members: () => Omit<FullReport, 'countedAs'>): FullReport | undefined {
    return this.isExact ? undefined : { ...members(), countedAs: this.#countedAs };
  }

  /** A report is about to be sent: from now on Redis may have this node. */
  reporting(subscriptions: number): void {
    this.#isUnanswered = true;
    this.#wasAbsent = this.#state === 'absent';
    if (subscriptions > 0 && this.#wasAbsent) this.#state = 'unsure';
  }

  /** Redis did nothing with a report, because it does not have the one before. */
  rejected(): void {
    this.#isUnanswered = false;
    if (this.#wasAbsent) this.#state = 'absent';
    else this.doubt();
  }

  /**
   * Redis has accepted a report.
   *
   * @param report the number of the report
   * @param countedAs the lease name under which Redis has the node now; empty when the node has no part in the channel
   * @param resets {@link resets} when the report was made. After a reset everything has to be reported once more.
   * @returns whether nothing was reset since
   */
  accepted(report: number, countedAs: string, resets: number): boolean {
    const isCurrent = resets === this.#resets;
    this.#answered = report;
    this.#isUnanswered = false;
    this.#countedAs = countedAs;
    if (countedAs === '') this.#state = 'absent';
    else this.#state = isCurrent ? 'exact' : 'unsure';
    return isCurrent;
  }
}
