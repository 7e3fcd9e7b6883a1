import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 25;
const PATIENCE_MS = 20_000;
/** The wait after the last visible change, because the last commands about a channel change nothing visible. */
const TRAILING_MS = 150;

/** The number of keys in a Redis, and of channels with a subscriber. @param {import('ioredis').Redis} client */
export async function contentOf(client) {
  const [keys, stats] = await Promise.all([client.dbsize(), client.info('stats')]);
  return { keys, channels: Number(/^pubsub_channels:(\d+)/m.exec(stats)?.[1]) };
}

/**
 * Resolves when a Redis has the same numbers as at another time, with the milliseconds that this took.
 *
 * @param {import('ioredis').Redis} client
 * @param {Awaited<ReturnType<typeof contentOf>>} wanted
 * @param {boolean} [isMoreFine] whether it may have more keys: while nodes take new names they note the old ones
 */
export async function untilContentIs(client, wanted, isMoreFine = false) {
  const started = performance.now();
  for (;;) {
    const content = await contentOf(client);
    const milliseconds = performance.now() - started;
    const areKeysThere = isMoreFine ? content.keys >= wanted.keys : content.keys === wanted.keys;
    if (areKeysThere && content.channels === wanted.channels) {
      await delay(TRAILING_MS);
      return milliseconds;
    }
    if (milliseconds > PATIENCE_MS) {
      throw new Error(`Redis has ${JSON.stringify(content)} and never had ${JSON.stringify(wanted)} again.`);
    }
    await delay(POLL_MS);
  }
}
