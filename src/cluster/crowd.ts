/** Above so many subscribers their count is told less often. Protocol section 3.12. */
export const LARGE_CHANNEL = 100;

/** How often it is told then at most, in milliseconds. */
export const LARGE_CHANNEL_INTERVAL_MS = 5_000;
