import { namesOf, sumOf } from './command-count.js';
import { interleave, median, medians } from './statistics.js';

const IN_FLIGHT = [1, 8];

/**
 * The nodes, the subscribers, and the number of events in flight at any moment.
 *
 * @typedef {{ size: number, cluster: import('./cluster.js').Cluster, inFlight: number,
 *   audience: import('./load.js').Remote<import('./audience.js').Audience> }} Setup
 *
 * One kind of event, on clusters of several sizes. `open` connects the subscribers. `prepare` prepares them for a number of
 * events, and returns a function that sends these. A round has `total` events, or `counted` where commands are counted.
 *
 * @typedef {{ name: string, rounds: number, total: number, counted: number,
 *   open: (setup: Pick<Setup, 'cluster' | 'audience'>) => Promise<unknown>,
 *   prepare: (setup: Setup, total: number) => Promise<() => Promise<unknown>>,
 *   label: (setup: Setup) => string, more?: (cost: Cost) => Record<string, number>, notes?: string[] }} FanOut
 */

/**
 * Sends events with no uninterested node, with one and with three; with one event in flight and with eight.
 *
 * @param {import('./run.js').Bench} bench
 * @param {FanOut} event
 * @returns {Promise<import('./run.js').Result>}
 */
export async function fanOut({ isQuick, clusterOf, load }, event) {
  const { name, rounds, total, counted, open, prepare, label, more, notes = [] } = event;
  const sizes = isQuick ? [2, 5] : [2, 3, 5];
  /** @type {Setup[]} */
  const setups = [];
  for (const size of sizes) {
    const hearing = { cluster: await clusterOf(size), audience: await load.audience() };
    await open(hearing);
    for (const inFlight of IN_FLIGHT) setups.push({ size, inFlight, ...hearing });
  }

  for (const setup of setups) await (await prepare(setup, total))();
  const costs = await interleave(rounds, setups, async (setup) =>
    costOf(await setup.cluster.measure(await prepare(setup, total)), total),
  );
  const commands = await interleave(1, setups, async (setup) =>
    setup.cluster.redis.count(await prepare(setup, counted)),
  );
  for (const { cluster, audience } of setups.filter(({ inFlight }) => inFlight === IN_FLIGHT[0])) {
    await audience.close();
    await cluster.untilEmpty();
  }

  const results = setups.map((setup, index) => ({
    setup,
    rounds: costs[index] ?? [],
    cost: medians(costs[index] ?? []),
    commands: /** @type {import('./command-count.js').Commands} */ (commands[index]?.[0]),
  }));
  const of = (/** @type {number} */ size, /** @type {number} */ inFlight) =>
    /** @type {(typeof results)[number]} */ (
      results.find(({ setup }) => setup.size === size && setup.inFlight === inFlight)
    );
  return {
    rows: results.map(({ setup, cost, commands: sent }) => {
      const row = rowOf(label(setup), cost, sent, counted, setup.size > 2);
      return { ...row, values: { ...row.values, ...more?.(cost) } };
    }),
    notes: [`Commands: ${namesOf(of(5, 1).commands.sent, counted)}`, ...notes],
    checks: [
      ...sizes.map((size) => ({
        name: `${name}: commands with ${size} nodes`,
        kind: /** @type {const} */ ('count'),
        value: (sumOf(of(size, 1).commands.sent) + sumOf(of(size, 1).commands.inScripts)) / counted,
      })),
      {
        name: `${name}: bytes to and from Redis`,
        kind: 'bytes',
        value: of(2, 8).cost.bytesToRedis + of(2, 8).cost.bytesFromRedis,
      },
      ...IN_FLIGHT.flatMap((inFlight) =>
        growthOf(`${name}, ${inFlight} in flight`, of(2, inFlight).rounds, of(5, inFlight).rounds),
      ),
    ],
  };
}

/**
 * The cost of one event that the first node publishes. The second node has subscribers, and the others have none. CPU is in
 * microseconds; the bytes are those between Redis and the nodes.
 *
 * @typedef {ReturnType<typeof costOf>} Cost
 *
 * @param {Awaited<ReturnType<import('./cluster.js').Cluster['measure']>>} measured
 * @param {number} events
 */
function costOf({ nodes: [publisher, receiver, ...others], redis, milliseconds }, events) {
  if (publisher === undefined || receiver === undefined) throw new Error('It takes two nodes.');
  // The median, because now and then one node collects garbage, which has nothing to do with the events.
  const typical = (/** @type {keyof import('./cluster.js').Usage} */ what) =>
    others.length === 0 ? 0 : median(others.map((usage) => usage[what]));
  return {
    publisherUs: publisher.cpuUs / events,
    receiverUs: receiver.cpuUs / events,
    redisUs: redis.cpuUs / events,
    busyUs: (publisher.cpuUs + receiver.cpuUs + redis.cpuUs) / events,
    uninterestedUs: typical('cpuUs') / events,
    uninterestedUsPerS: typical('cpuUs') / (milliseconds / 1_000),
    bytesToRedis: redis.redisWritten / events,
    bytesFromRedis: redis.redisRead / events,
    uninterestedBytes: (typical('redisRead') + typical('redisWritten')) / events,
    receiverBytes: (receiver.redisRead + receiver.redisWritten) / events,
    eventsPerS: events / (milliseconds / 1_000),
  };
}

/**
 * One row of a table about events.
 *
 * @param {string} label
 * @param {Cost} cost
 * @param {import('./command-count.js').Commands} commands
 * @param {number} counted over how many events
 * @param {boolean} isAnybodyUninterested
 */
function rowOf(label, cost, commands, counted, isAnybodyUninterested) {
  return {
    label,
    values: {
      commands: sumOf(commands.sent) / counted,
      'in scripts': sumOf(commands.inScripts) / counted,
      'bytes in': Math.round(cost.bytesToRedis),
      'bytes out': Math.round(cost.bytesFromRedis),
      'publisher µs': cost.publisherUs,
      'receiver µs': cost.receiverUs,
      'redis µs': cost.redisUs,
      'uninterested µs': isAnybodyUninterested ? cost.uninterestedUs : undefined,
      'its µs/s': isAnybodyUninterested ? Math.round(cost.uninterestedUsPerS) : undefined,
      'its bytes': isAnybodyUninterested ? cost.uninterestedBytes : undefined,
      'events/s': Math.round(cost.eventsPerS),
    },
  };
}

/**
 * The figures that must not grow with the number of uninterested nodes. Each ratio is made of one round's measurements, because
 * they are close to each other in time.
 *
 * @param {string} what
 * @param {readonly Cost[]} few the rounds without uninterested nodes
 * @param {readonly Cost[]} many those with three of them
 * @returns {import('./run.js').Check[]}
 */
function growthOf(what, few, many) {
  const bytes = (/** @type {Cost} */ cost) => cost.bytesToRedis + cost.bytesFromRedis;
  const growth = (/** @type {(cost: Cost) => number} */ figure) =>
    median(many.map((cost, round) => figure(cost) / figure(/** @type {Cost} */ (few[round]))));
  const share = (/** @type {(cost: Cost) => number} */ figure) => median(many.map(figure));
  const compared = 'with 3 uninterested nodes / with none';
  return [
    {
      name: `${what}: CPU of publisher, receiver and Redis, ${compared}`,
      kind: 'growth',
      value: growth(({ busyUs }) => busyUs),
    },
    { name: `${what}: CPU of Redis, ${compared}`, kind: 'growth', value: growth(({ redisUs }) => redisUs) },
    { name: `${what}: bytes to and from Redis, ${compared}`, kind: 'bytes', value: growth(bytes) },
    {
      name: `${what}: CPU of an uninterested node / of the publisher`,
      kind: 'share',
      value: share(({ uninterestedUs, publisherUs }) => uninterestedUs / publisherUs),
    },
    {
      name: `${what}: bytes of an uninterested node / of the receiver`,
      kind: 'bytes',
      value: share(({ uninterestedBytes, receiverBytes }) => uninterestedBytes / receiverBytes),
    },
  ];
}
