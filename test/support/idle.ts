import { performance } from 'node:perf_hooks';

/**
 * How long the event loop has waited without work when the promise is settled, in milliseconds.
 *
 * Timeouts are waited for, work is not: a busy machine makes the work longer, and this number hardly.
 */
export async function idleMsUntil(promise: Promise<unknown>): Promise<number> {
  const before = performance.eventLoopUtilization();
  await promise;
  return performance.eventLoopUtilization(before).idle;
}
