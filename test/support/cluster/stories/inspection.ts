import { Newcomer } from './newcomer.js';
import type { Station } from './station.js';
import { CHANNELS, MEMBER_IDS, PRESENCE_CHANNELS } from './story.js';
import { isOccupied, isOnline, membersOf, type Truth } from './truth.js';
import type { Visitor } from './visitor.js';

// The views of one cluster that must be the same. Each of these fails unless it is what is true.

/** Nobody waits for anything. */
export function expectNobodyWaits(visitors: readonly Visitor[]): void {
  expect(visitors.flatMap(({ waitsFor }) => waitsFor)).toEqual([]);
}

/** Every browser has been told who is with it, and who of those it watches is online. */
export function expectVisitorsToKnow(visitors: readonly Visitor[], truth: Truth): void {
  for (const visitor of visitors) {
    const told = PRESENCE_CHANNELS.filter((channel) => visitor.wants.has(channel));
    const rosters = told.map((channel) => [channel, visitor.roster(channel)]);
    expect([visitor.id, rosters]).toEqual([
      visitor.id,
      told.map((channel) => [channel, membersOf(truth, channel)]),
    ]);
    if (!visitor.isSignedIn) continue;
    const statuses = visitor.watchlist.map((id) => [id, visitor.statuses.get(id)]);
    const due = visitor.watchlist.map((id) => [id, isOnline(truth, id) ? 'online' : 'offline']);
    expect([`${visitor.id} watches`, statuses]).toEqual([`${visitor.id} watches`, due]);
  }
}

/** A node's HTTP API and the service of the application on it say so too. */
export async function expectNodeToKnow({ name, node, api }: Station, truth: Truth): Promise<void> {
  const [occupied, channels, rosters, online] = await Promise.all([
    api.occupied(),
    Promise.all(CHANNELS.map((channel) => api.channel(channel, 'subscription_count'))),
    Promise.all(PRESENCE_CHANNELS.map((channel) => api.roster(channel))),
    node.call('onlineMembers', MEMBER_IDS),
  ]);
  expect({
    name,
    rosters: PRESENCE_CHANNELS.map((channel, index) => [channel, rosters[index]]),
    channels: CHANNELS.map((channel, index) => [channel, channels[index]]),
    occupied,
    online,
  }).toEqual({
    name,
    rosters: PRESENCE_CHANNELS.map((channel) => [channel, membersOf(truth, channel)]),
    channels: CHANNELS.map((channel) => {
      const { count = 0 } = truth.channels.get(channel) ?? {};
      return [channel, { occupied: count > 0, subscription_count: count }];
    }),
    occupied: CHANNELS.filter((channel) => isOccupied(truth, channel)).sort(),
    online: MEMBER_IDS.filter((id) => isOnline(truth, id)),
  });
}

/** A node's health has forgotten what failed. */
export async function expectNodeToBeHealthy({ name, node }: Station): Promise<void> {
  const { status } = await node.call('health');
  expect([name, status]).toEqual([name, 'up']);
}

/** A newcomer on each node is given the same rosters. Nobody hears of it: it is a further tab of a member who is there. */
export async function expectNewcomersToBeTold(stations: readonly Station[], truth: Truth): Promise<void> {
  const asked = stations.flatMap((station) =>
    PRESENCE_CHANNELS.flatMap((channel) => {
      const [id] = membersOf(truth, channel);
      return id === undefined ? [] : [{ station, channel, id }];
    }),
  );
  const rosters = await Promise.all(
    asked.map(async ({ station, channel, id }) => ({
      ...{ node: station.name, channel },
      roster: await Newcomer.roster(station, channel, id),
    })),
  );
  expect(rosters).toEqual(
    asked.map(({ station, channel }) => ({
      ...{ node: station.name, channel },
      roster: membersOf(truth, channel),
    })),
  );
}
