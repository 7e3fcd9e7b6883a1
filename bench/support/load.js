import { endChild, startChild } from './children.js';

/**
 * The methods of a class in the load generator's process, as they are called from here: each answers with a promise.
 *
 * @template T
 * @typedef {{ [M in keyof T]: T[M] extends (...values: infer V) => infer R ? (...values: V) => Promise<Awaited<R>> : never
 *   }} Remote
 */

/** The load generator. */
export class Load {
  #groups = 0;

  /** @param {import('./rpc.js').Caller} caller */
  constructor(caller) {
    this.caller = caller;
  }

  static async start() {
    const { caller } = await startChild('./load-process.js', 'the load generator');
    return new Load(caller);
  }

  /** Clients that get the same events. @returns {Promise<Remote<import('./audience.js').Audience>>} */
  audience() {
    return this.#make('audience');
  }

  /**
   * Clients that get the same events for a while, and leave no trace when they are closed.
   *
   * @returns {Promise<{ audience: Remote<import('./audience.js').Audience>, close: () => Promise<void> }>}
   */
  async visitors() {
    const audience = await this.#make('audience');
    const name = String(this.#groups);
    const close = async () => {
      await audience.close();
      await this.caller.dispatch('forget', { name });
    };
    return { audience, close };
  }

  /** Clients that come and go. @returns {Promise<Remote<import('./guests.js').Guests>>} */
  guests() {
    return this.#make('guests');
  }

  /** Throws when a frame was missing, or came twice, or was out of order. */
  async verify() {
    await this.caller.dispatch('verify');
  }

  async close() {
    await endChild(this.caller);
  }

  /**
   * @param {string} kind
   * @returns {Promise<any>}
   */
  async #make(kind) {
    const name = String(++this.#groups);
    await this.caller.dispatch(kind, { name });
    const dispatch = (/** @type {string} */ method) => (/** @type {unknown} */ values) =>
      this.caller.dispatch('group', { name, method, values });
    // `await` looks for a method `then`, so the proxy must not have one.
    return new Proxy({}, { get: (_, method) => (method === 'then' ? undefined : dispatch(String(method))) });
  }
}
