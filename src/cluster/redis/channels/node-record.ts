import type { FullReport } from '../scripts/occupancy-messages.js';
import type { MemberEntry } from './local-members.js';

/** The state at the time of a reset that the next report restores, in addition to this node's own members. */
export type Recovery = Pick<FullReport, 'isDataLost' | 'unclaimed' | 'wasVacating'>;

const NOTHING_LOST: Recovery = { isDataLost: false, unclaimed: [], wasVacating: false };

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
  /** The lease name under which Redis counted this node last; empty when the last report had no subscriptions. */
  #countedAs = '';
  #recovery: Recovery | undefined;

  /** Whether Redis has what this node reported last, so that a report contains only the changes. */
  get isExact(): boolean {
    return this.#state === 'exact';
  }

  /** Whether this node is subscribed to the channel's bus, and the channel is on the list of this node's channels. */
  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  /** Whether the last report that was accepted had subscriptions. */
  get wasCounted(): boolean {
    return this.#countedAs !== '';
  }

  /** The state that the next report restores; `undefined` when a report was accepted since the last reset. */
  get recovery(): Recovery | undefined {
    return this.#recovery;
  }

  /** Whether there is something to report without subscriptions: Redis may have this node, or has lost something. */
  get mustBeReported(): boolean {
    const { unclaimed, wasVacating } = this.#recovery ?? NOTHING_LOST;
    return this.#state !== 'absent' || unclaimed.length > 0 || wasVacating;
  }

  /** The connection, the data or this node's lease is a new one: everything has to be registered and reported again. */
  reset(recovery: Recovery): void {
    this.#isRegistered = false;
    this.doubt();
    this.#recovery = recovery;
  }

  /** A report failed, or Redis did not know this node. */
  doubt(): void {
    if (this.#state === 'exact') this.#state = 'unsure';
  }

  /**
   * A registration is done.
   *
   * @param recovery {@link recovery} when it began. After a reset it was for the connection or the lease of before.
   * @returns whether it counts
   */
  registered(recovery: Recovery | undefined): boolean {
    this.#isRegistered = recovery === this.#recovery;
    return this.#isRegistered;
  }

  /** This node is no longer subscribed to the channel's bus. */
  unsubscribed(): void {
    this.#isRegistered = false;
  }

  /**
   * The part of a report that Redis needs in addition to the changes; `undefined` when the changes are enough.
   *
   * @param reported the members who were reported before
   */
  fullReport(reported: () => readonly MemberEntry[]): FullReport | undefined {
    if (this.isExact) return undefined;
    const { isDataLost, unclaimed, wasVacating } = this.#recovery ?? NOTHING_LOST;
    return { reported: reported(), countedAs: this.#countedAs, isDataLost, unclaimed, wasVacating };
  }

  /** A report is about to be sent: from now on Redis may have this node. */
  reporting(subscriptions: number): void {
    if (subscriptions > 0 && this.#state === 'absent') this.#state = 'unsure';
  }

  /**
   * Redis has accepted a report.
   *
   * @param leaseName the name under which this node is counted
   * @param recovery {@link recovery} when the report was made. After a reset everything has to be reported once more.
   * @returns whether nothing was reset since
   */
  accepted(subscriptions: number, leaseName: string, recovery: Recovery | undefined): boolean {
    const isCurrent = recovery === this.#recovery;
    if (isCurrent) this.#recovery = undefined;
    if (subscriptions === 0) this.#state = 'absent';
    else this.#state = isCurrent ? 'exact' : 'unsure';
    this.#countedAs = subscriptions > 0 ? leaseName : '';
    return isCurrent;
  }
}
