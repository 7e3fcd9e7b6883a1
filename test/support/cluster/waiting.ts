import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 25;

/**
 * Within this, whatever comes in the end has come, also on a machine that has much else to do: a browser whose attempt to
 * connect took too long tries again after 15 seconds. Nobody is promised it; what is promised within a time has a bound of
 * its own.
 */
export const SETTLED_MS = 30_000;

/** Asks again and again until a check passes; after the deadline, fails with what the check said last. */
export async function eventually(ms: number, check: () => unknown): Promise<void> {
  const deadline = performance.now() + ms;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await delay(POLL_MS);
  }
}

/** Asks again and again, for so long, whether a check still passes: for what must not happen. */
export async function throughout(ms: number, check: () => unknown): Promise<void> {
  const end = performance.now() + ms;
  do {
    await check();
    await delay(POLL_MS);
  } while (performance.now() < end);
  await check();
}

/** Resolves as a promise does; rejects when that takes too long. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const answered = new AbortController();
  const late = delay(ms, undefined, { signal: answered.signal }).then(() => {
    throw new Error(`${what} took longer than ${ms} ms`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    answered.abort();
    late.catch(() => undefined);
  }
}
