import { limit, oneOf, wholeNumber } from './kinds.js';
import { setting } from './setting.js';

/** How relays are delivered: tried at once, and again from memory (`direct`), or by way of a queue in Redis (`queue`). */
export const DELIVERIES = ['direct', 'queue'] as const;

/** Memory holds the relays of a bad minute, Redis those of an outage of hours. */
export const DELIVERY_DEFAULTS = {
  direct: { retryDeadlineMs: 30_000, waitingRelays: 10_000, waitingBytes: 16_777_216 },
  queue: { retryDeadlineMs: 86_400_000, waitingRelays: 1_000_000, waitingBytes: 1_073_741_824 },
} as const;

/**
 * The defaults of the settings that only a queue has. They are not in {@link deliverySettings}, because without a queue these
 * variables have no effect.
 */
export const QUEUE_DEFAULTS = { queueConcurrency: 64, deadLetters: 10_000 } as const;

/** How relays get to the provider. */
export const deliverySettings = {
  /** The retries of failed relays: for how long, and how many may wait. */
  delivery: {
    /**
     * How relays are delivered. `direct`: tried at once, and again from memory while a retry can help. `queue`: by way of a queue
     * in Redis, which survives this process; it needs `SOCKET_REDIS_URL`.
     *
     * @see docs/queue.md
     * @default direct
     */
    mode: setting('SOCKET_DELIVERY', oneOf(DELIVERIES), { default: 'direct' }),
    /**
     * Milliseconds from the call until a relay that keeps failing is given up; 0 tries once. Without a queue only `pusher` is
     * tried again.
     *
     * @see docs/relay.md#what-is-tried-again
     * @default 30000, with `queue` 86400000
     */
    retryDeadlineMs: setting('SOCKET_RETRY_DEADLINE_MS', wholeNumber(0, 604_800_000), { unit: 'ms' }),
    /**
     * Relays that may wait to be tried again. A relay to several members counts once for each of them. 0 allows any number.
     *
     * @default 10000, with `queue` 1000000
     */
    waitingRelays: setting('SOCKET_MAX_WAITING_RELAYS', limit),
    /**
     * Bytes that the payloads of the waiting relays may have; 0 allows any number.
     *
     * @default 16777216, with `queue` 1073741824
     */
    waitingBytes: setting('SOCKET_MAX_WAITING_BYTES', limit, { unit: 'bytes' }),
    /**
     * Failures in a row after which the provider gets no relays for a while, except one at a time that tests whether it is back.
     * 0 switches this off.
     *
     * @default 5
     */
    breakerFailures: setting('SOCKET_BREAKER_FAILURES', wholeNumber(0, 1_000_000), { default: 5 }),
    /**
     * With `queue`: members and channels that this process serves at a time. 0: this process only adds to the queue.
     *
     * @default 64, with `queue`
     */
    queueConcurrency: setting('SOCKET_QUEUE_CONCURRENCY', wholeNumber(0, 10_000)),
    /**
     * With `queue`: relays that failed for good and are kept to be looked at; the oldest go first. 0 keeps any number.
     *
     * @see docs/queue.md#dead-letters
     * @default 10000, with `queue`
     */
    deadLetters: setting('SOCKET_MAX_DEAD_LETTERS', limit),
  },
};
