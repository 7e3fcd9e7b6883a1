import { median } from './statistics.js';
import { sumOf } from './command-count.js';

/**
 * What one event costs, where the first node publishes it, the second has subscribers, and the others have none. CPU is in
 * microseconds; bytes are those between Redis and the nodes.
 *
 * @typedef {ReturnType<typeof costOf>} Cost
 *
 * @param {Awaited<ReturnType<import('./cluster.js').Cluster['measure']>>} measured
 * @param {number} events
 */
export function costOf({ nodes: [publisher, receiver, ...others], redis, milliseconds }, events) {
  if (publisher === undefined || receiver === undefined) throw new Error('It takes two nodes.');
  // Not the mean: now and then one of them collects its garbage, which has nothing to do with the events.
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
export function rowOf(label, cost, commands, counted, isAnybodyUninterested) {
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
 * What must not grow with the number of uninterested nodes. The ratios are those of each round, because its measurements
 * are close to each other in time.
 *
 * @param {string} what
 * @param {readonly Cost[]} few the rounds without uninterested nodes
 * @param {readonly Cost[]} many those with three of them
 * @returns {import('./run.js').Check[]}
 */
export function growthOf(what, few, many) {
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
