/** One relay, and what its caller was told. */
export interface Relay {
  readonly n: number;
  readonly member: string;
  readonly status: 'sent' | 'queued' | 'failed' | 'dropped';
  /** How long the caller waited. */
  readonly ms: number;
}

/** A relay that a member heard, and on which of its connections. */
export interface Hearing {
  readonly n: number;
  readonly visit: string;
}

/** The outcome of the relays of a test. */
export interface LedgerFigures {
  readonly relays: number;
  /** Told as failed. */
  readonly failed: number;
  /** Heard, of those that were accepted. */
  readonly delivered: number;
  /** Heard, although they were told as failed. */
  readonly failedAndHeard: number;
  /** Accepted, not heard, and neither {@link cutOff}. */
  readonly lost: number;
  /** Accepted and not heard, between what was heard on one connection of the member and what was heard on the next. */
  readonly cutOff: number;
  /** Heard more than once. */
  readonly duplicated: number;
  /** Heard after a later one. */
  readonly outOfOrder: number;
  /** The longest that a caller waited, in milliseconds. */
  readonly slowestMs: number;
}

/**
 * Counts relays whose numbers grow for each member in the order of the calls. It needs no clock: a connection hears all
 * between the first and the last that it hears, so a gap in there is a loss, and one between two connections is what nobody
 * could hear. A relay that is missing at the end is lost: the tests go on until everybody hears again.
 */
export function ledger(
  relays: readonly Relay[],
  heard: ReadonlyMap<string, readonly Hearing[]>,
): LedgerFigures {
  const known = new Map([...heard].map(([member, all]) => [member, new Heard(all)]));
  const of = (member: string) => known.get(member) ?? NOTHING;
  const accepted = relays.filter(({ status }) => status === 'sent' || status === 'queued');
  const missing = accepted.filter(({ n, member }) => !of(member).counts.has(n));
  const cutOff = missing.filter(({ n, member }) => of(member).isBetweenVisits(n));
  const failed = relays.filter(({ status }) => status === 'failed');
  const all = [...known.values()];
  return {
    relays: relays.length,
    failed: failed.length,
    delivered: accepted.length - missing.length,
    failedAndHeard: failed.filter(({ n, member }) => of(member).counts.has(n)).length,
    lost: missing.length - cutOff.length,
    cutOff: cutOff.length,
    duplicated: sum(all.map(({ counts }) => [...counts.values()].filter((count) => count > 1).length)),
    outOfOrder: sum(all.map(({ outOfOrder }) => outOfOrder)),
    slowestMs: Math.round(Math.max(0, ...relays.map(({ ms }) => ms))),
  };
}

/** The relays that one member heard. */
class Heard {
  /** How often, by the relay's number. */
  readonly counts = new Map<number, number>();
  readonly outOfOrder: number = 0;
  readonly #visits = new Map<string, { first: number; last: number }>();
  #last = -1;

  constructor(all: readonly Hearing[]) {
    for (const { n, visit } of all) {
      const count = this.counts.get(n) ?? 0;
      this.counts.set(n, count + 1);
      // One that was heard before comes again, and is counted as that.
      if (n < this.#last && count === 0) this.outOfOrder++;
      this.#last = Math.max(this.#last, n);
      const span = this.#visits.get(visit);
      if (span === undefined) this.#visits.set(visit, { first: n, last: n });
      else span.last = Math.max(span.last, n);
    }
  }

  isBetweenVisits(n: number): boolean {
    if (n > this.#last) return false;
    return ![...this.#visits.values()].some(({ first, last }) => n > first && n < last);
  }
}

const NOTHING = new Heard([]);

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
