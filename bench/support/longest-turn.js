/**
 * Finds how long the event loop was held at most. It counts the CPU of the process and not time, so that a busy machine makes
 * no turn longer.
 */
export class LongestTurn {
  #isWatching = false;
  #longestMs = 0;
  #last = 0;

  /** Begins anew. */
  start() {
    this.#longestMs = 0;
    this.#last = cpuMs();
    if (this.#isWatching) return;
    this.#isWatching = true;
    setImmediate(this.#turn);
  }

  /** @returns {number} the milliseconds of the longest turn */
  stop() {
    this.#isWatching = false;
    return this.#longestMs;
  }

  #turn = () => {
    const now = cpuMs();
    this.#longestMs = Math.max(this.#longestMs, now - this.#last);
    this.#last = now;
    if (this.#isWatching) setImmediate(this.#turn);
  };
}

function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
