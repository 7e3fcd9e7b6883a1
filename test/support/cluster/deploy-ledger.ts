import type { LightClient } from './light-client.js';
import type { Accepted } from './node-protocol.js';

/** The outcome of the relays of a deploy, and the effects of the deploy on the clients. */
export interface DeployFigures {
  readonly accepted: number;
  readonly delivered: number;
  /** Delivered to a member that was away, and asked for it. */
  readonly caughtUp: number;
  /** The reasons of the gaps that members were told of, and how often. */
  readonly gaps: Readonly<Record<string, number>>;
  /** Accepted while their member was on the way from one node to another, and not delivered. */
  readonly whileAway: number;
  /** Accepted while their member was connected, and not delivered. */
  readonly lost: number;
  readonly duplicated: number;
  /** Delivered after a later one of the same sender. */
  readonly outOfOrder: number;
  readonly moves: number;
  /** The codes that connections were closed with, and how often. */
  readonly closes: Readonly<Record<number, number>>;
  /** Clients that tried to come back within the fullest second. */
  readonly largestBurst: number;
  /** How long clients were on the way, in milliseconds. */
  readonly awayMs: { readonly median: number; readonly p99: number; readonly most: number };
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Counts every accepted relay. A member is on the way from when the node begins to send the connection away until the
 * next connection is signed in; a relay counts as accepted at some moment between its call and its receipt.
 *
 * @param sentAway by socket id, when a node began to send the connection away
 */
export function deployFigures(
  clients: readonly LightClient[],
  accepted: readonly Accepted[],
  sentAway: ReadonlyMap<string, number>,
): DeployFigures {
  const spans = new Map(clients.map((client) => [client.id, spansOf(client, sentAway)]));
  const counts = new Map(clients.map(({ id, heard }) => [id, countsOf(heard)]));
  const missing = accepted.filter(({ source, n, member }) => !counts.get(member)?.has(`${source}:${n}`));
  const away = missing.filter(({ member, calledAt, settledAt }) =>
    (spans.get(member) ?? []).some(({ from, to }) => settledAt >= from && calledAt <= to),
  );
  const heard = [...counts.values()].flatMap((of) => [...of.values()]);
  const lengths = [...spans.values()]
    .flat()
    .map(({ from, to }) => to - from)
    .sort((one, other) => one - other);
  const at = (share: number) => Math.round(lengths[Math.floor((lengths.length - 1) * share)] ?? 0);
  return {
    accepted: accepted.length,
    delivered: accepted.length - missing.length,
    caughtUp: clients.reduce((sum, { history }) => sum + (history?.caughtUp ?? 0), 0),
    gaps: tally(clients.flatMap(({ history }) => history?.gaps ?? [])),
    whileAway: away.length,
    lost: missing.length - away.length,
    duplicated: heard.filter((count) => count > 1).length,
    outOfOrder: clients.reduce((sum, client) => sum + disorderOf(client.heard), 0),
    moves: lengths.length,
    closes: tally(clients.flatMap(({ visits }) => visits).flatMap(({ closedWith }) => closedWith ?? [])),
    largestBurst: largestBurst(
      clients.flatMap(({ visits }) => visits.slice(1).map((visit) => visit.triedAt)),
    ),
    awayMs: { median: at(0.5), p99: at(0.99), most: at(1) },
  };
}

function spansOf({ visits }: LightClient, sentAway: ReadonlyMap<string, number>): Span[] {
  return visits.slice(1).flatMap(({ readyAt }, index) => {
    const from = sentAway.get(visits[index]?.socketId ?? '');
    return from === undefined ? [] : [{ from, to: readyAt }];
  });
}

function countsOf(heard: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const relay of heard) counts.set(relay, (counts.get(relay) ?? 0) + 1);
  return counts;
}

function disorderOf(heard: readonly string[]): number {
  const latest = new Map<string, number>();
  let disorder = 0;
  for (const relay of heard) {
    const [source = '', n] = relay.split(':');
    if (Number(n) < (latest.get(source) ?? -1)) disorder++;
    latest.set(source, Number(n));
  }
  return disorder;
}

function tally(all: readonly (string | number)[]): Record<string | number, number> {
  const counts: Record<string | number, number> = {};
  for (const one of all) counts[one] = (counts[one] ?? 0) + 1;
  return counts;
}

/** How many of these moments are in the second that has the most of them. */
function largestBurst(moments: readonly number[]): number {
  const sorted = [...moments].sort((one, other) => one - other);
  let first = 0;
  let most = 0;
  for (const [index, moment] of sorted.entries()) {
    while ((sorted[first] ?? moment) < moment - 1_000) first++;
    most = Math.max(most, index - first + 1);
  }
  return most;
}
