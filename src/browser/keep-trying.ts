import type { PusherLike } from './pusher-like.js';
import { pauseMs } from './retried.js';

/** The inside of `pusher-js`: what begins and ends a try to connect, and its diary of what became of each. */
interface Restartable extends PusherLike {
  readonly connection: PusherLike['connection'] & {
    /** The present try; `null` between two. */
    readonly runner: object | null;
    startConnecting(): void;
    abortConnecting(): void;
    /** The timer of the next try. */
    readonly retryTimer: { isRunning(): boolean } | null;
    clearRetryTimer(): void;
    retryIn(delayMs: number): void;
  };
  readonly timeline: { readonly events: readonly { readonly cid?: unknown; readonly state?: unknown }[] };
}

/**
 * Has `pusher-js` try again soon after a try to connect has failed. By itself it waits 15 seconds, then 30, then 60, and so
 * comes back long after the gateway. Its states stay as they are: `connecting`, and after 10 seconds `unavailable`.
 *
 * A try that is still going on is left alone. So is a version of `pusher-js` whose inside is another: it keeps its own pace.
 */
export function keepTrying(pusher: PusherLike): void {
  if (!isRestartable(pusher)) return;
  const { connection } = pusher;
  keepOneTimer(connection);
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = () => {
    timer = setTimeout(() => {
      // Without a runner `pusher-js` has a time of its own for the next try.
      if (connection.runner !== null && hasFailed(pusher)) {
        connection.abortConnecting();
        connection.startConnecting();
      }
      wait();
    }, pauseMs(++failures));
  };
  const check = () => {
    const isConnecting = connection.state === 'connecting' || connection.state === 'unavailable';
    if (isConnecting && timer === undefined) {
      failures = 0;
      wait();
    } else if (!isConnecting) {
      clearTimeout(timer);
      timer = undefined;
    }
  };
  connection.bind('state_change', check);
  check();
}

/**
 * For one close with a code like 4100, `pusher-js` starts the timer of its next try twice. `disconnect` stops only the second, so
 * a page that leaves in that second would be connected again. Here the first one stays, unless a try is due at once.
 */
function keepOneTimer(connection: Restartable['connection']): void {
  const retryIn = connection.retryIn.bind(connection);
  connection.retryIn = (delayMs) => {
    if (delayMs > 0 && connection.retryTimer?.isRunning() === true) return;
    connection.clearRetryTimer();
    retryIn(delayMs);
  };
}

/** Whether every socket that it has opened is closed. */
function hasFailed({ timeline }: Restartable): boolean {
  const states = new Map<unknown, unknown>();
  for (const { cid, state } of timeline.events)
    if (cid !== undefined && state !== undefined) states.set(cid, state);
  return states.size > 0 && Array.from(states.values()).every((state) => state === 'closed');
}

function isRestartable(pusher: PusherLike): pusher is Restartable {
  const { connection } = pusher;
  return (
    isFunction(connection, 'startConnecting') &&
    isFunction(connection, 'abortConnecting') &&
    isFunction(connection, 'clearRetryTimer') &&
    isFunction(connection, 'retryIn') &&
    'runner' in connection &&
    'timeline' in pusher &&
    Array.isArray((pusher.timeline as { events?: unknown } | undefined)?.events)
  );
}

function isFunction(object: object, name: string): boolean {
  return typeof Reflect.get(object, name) === 'function';
}
