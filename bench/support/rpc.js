// Questions and answers between this process and a child, over the channel that `fork` opens.

/**
 * Answers a parent's calls.
 *
 * @param {Record<string, (values: any) => unknown>} handlers
 */
export function serve(handlers) {
  process.on('message', async (/** @type {any} */ { id, name, values }) => {
    try {
      process.send?.({ id, result: await handlers[name]?.(values) });
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? error.stack : String(error) });
    }
  });
  // The parent process has ended.
  process.on('disconnect', () => process.exit(0));
}

/** Calls a child process. */
export class Caller {
  #last = 0;
  /** @type {Map<number, PromiseWithResolvers>} */
  #calls = new Map();

  /**
   * @typedef {{ resolve: (result: any) => void, reject: (error: Error) => void }} PromiseWithResolvers
   *
   * @param {import('node:child_process').ChildProcess} child
   * @param {string} name how errors call it
   */
  constructor(child, name) {
    this.child = child;
    this.name = name;
    child.on('message', (/** @type {any} */ { id, result, error }) => {
      const dispatch = this.#calls.get(id);
      this.#calls.delete(id);
      if (error === undefined) dispatch?.resolve(result);
      else dispatch?.reject(new Error(`${name}: ${error}`));
    });
    child.on('exit', (code, signal) => {
      for (const { reject } of this.#calls.values()) reject(new Error(`${name} ended (${signal ?? code})`));
      this.#calls.clear();
    });
  }

  /**
   * @param {string} name
   * @param {unknown} [values]
   * @returns {Promise<any>}
   */
  dispatch(name, values) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.child.send({ id, name, values }, (error) => {
        if (error) reject(new Error(`${this.name} cannot be asked: ${error.message}`));
      });
    });
  }
}
