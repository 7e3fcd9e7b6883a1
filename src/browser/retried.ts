import { ConnectError } from './connect-error.js';

/**
 * How long to wait after so many failures: from about one second, by a third more each time, up to about 15 seconds. So
 * something that was away for a while is found again after about a third of that while. Between 50 % and 150 % of it, at
 * random, so that many pages do not ask at the same moment.
 */
export function pauseMs(failures: number): number {
  return Math.min(750 * 1.35 ** (failures - 1), 15_000) * (0.5 + Math.random());
}

/**
 * Tries until it succeeds, fails in a way that cannot get better, or has failed for `timeoutMs`; 0 is for ever.
 *
 * @param onFailure hears of every failure that is followed by another try
 * @throws ConnectError the last failure
 */
export async function retried<T>(
  attempt: () => Promise<T>,
  timeoutMs: number,
  signal: AbortSignal,
  onFailure: (error: ConnectError) => void = () => undefined,
): Promise<T> {
  const until = timeoutMs === 0 ? Infinity : Date.now() + timeoutMs;
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ConnectError) || !error.retryable || signal.aborted) throw error;
      const waitMs = Math.max(pauseMs(failures), error.retryAfterMs ?? 0);
      if (Date.now() + waitMs >= until) throw error;
      onFailure(error);
      await pause(waitMs, signal);
    }
  }
}

/** @throws the reason of the signal when it is aborted */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = () => {
      clearTimeout(timer);
      reject(abortReason(signal));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', over);
      resolve();
    }, ms);
    signal.addEventListener('abort', over);
  });
}

/** The reason that an aborted signal has; older browsers give it none. */
export function abortReason(signal: AbortSignal): Error {
  const aborted = new Error('The connection was ended by its AbortSignal');
  aborted.name = 'AbortError';
  return (signal.reason as Error | undefined) ?? aborted;
}
