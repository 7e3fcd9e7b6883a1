import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 25;
const PATIENCE_MS = 20_000;
/** The wait after the last visible change, because the last commands about a channel change nothing visible. */
const TRAILING_MS = 150;
/** The keys that say nothing of what is there now: those of the nodes themselves, and replies that are kept for a while. */
const OTHER_KEYS = /^switchboard:\{#\}|:reply:/;

/**
 * The number of keys about channels in a Redis, and of its Redis channels with a subscriber. It reads the name of every key.
 *
 * @param {import('ioredis').Redis} client
 */
export async function contentOf(client) {
  const [keys, channels] = await Promise.all([client.keys('*'), subscribedOn(client)]);
  return { keys: keys.filter((key) => !OTHER_KEYS.test(key)).length, channels };
}

/**
 * Resolves when a Redis has no channel any more.
 *
 * @param {import('ioredis').Redis} client
 */
export async function untilEmpty(client) {
  let seen = -1;
  await until(async () => {
    const [size, channels] = await Promise.all([client.dbsize(), subscribedOn(client)]);
    // The names of all keys are read only after a change.
    if (channels > 0 || size === seen) return false;
    seen = size;
    return (await contentOf(client)).keys === 0;
  });
}

/**
 * Resolves when a Redis that lost its data has as much of it as before, with the milliseconds that this took. A few keys of the nodes
 * themselves are among those that are counted.
 *
 * @param {import('ioredis').Redis} client
 * @param {Awaited<ReturnType<typeof contentOf>>} wanted
 */
export function untilRestored(client, wanted) {
  return until(async () => {
    const [size, channels] = await Promise.all([client.dbsize(), subscribedOn(client)]);
    return size >= wanted.keys && channels === wanted.channels;
  });
}

/** @param {() => Promise<boolean>} isSo @returns {Promise<number>} the milliseconds until it was so */
async function until(isSo) {
  const started = performance.now();
  for (;;) {
    const isDone = await isSo();
    const milliseconds = performance.now() - started;
    if (isDone) {
      await delay(TRAILING_MS);
      return milliseconds;
    }
    if (milliseconds > PATIENCE_MS) throw new Error('The channels in Redis did not become what they were.');
    await delay(POLL_MS);
  }
}

/** @param {import('ioredis').Redis} client */
async function subscribedOn(client) {
  return Number(/^pubsub_channels:(\d+)/m.exec(await client.info('stats'))?.[1]);
}
