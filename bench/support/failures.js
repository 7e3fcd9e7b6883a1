/** No scenario waits this long for a frame: after this time it was lost. */
const PATIENCE_MS = 30_000;

/** The failures while frames are awaited. The first one is kept, so that a run with a lost frame has no figures. */
export class Failures {
  /** @type {Error | undefined} */
  #first;
  /** @type {Set<(error: Error) => void>} */
  #waiting = new Set();

  /** @param {unknown} cause */
  add = (cause) => {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    this.#first ??= error;
    for (const reject of this.#waiting) reject(error);
  };

  /** Throws when there was a failure. */
  verify() {
    if (this.#first !== undefined) throw this.#first;
  }

  /**
   * Waits for some work, or for the first failure.
   *
   * @template T
   * @param {(resolve: (value: T) => void) => void} begin
   * @param {() => string} [state] the progress, for the message of a failure
   * @returns {Promise<T>}
   */
  async until(begin, state = () => '') {
    this.verify();
    /** @type {(error: Error) => void} */
    let reject = () => undefined;
    const impatience = setTimeout(() => {
      this.add(`Something did not arrive in time. ${state()}`);
    }, PATIENCE_MS);
    try {
      return await new Promise((resolve, rejected) => {
        this.#waiting.add((reject = rejected));
        begin(resolve);
      });
    } finally {
      clearTimeout(impatience);
      this.#waiting.delete(reject);
    }
  }
}
