import { inSlices, type Work } from '../../ports/slices.js';

/**
 * Begins work in the order of the calls: within the call while little is under way, and otherwise in slices, as other work ends. So
 * neither many calls in one turn of the event loop nor many answers hold it for long. Without slices the next work would begin
 * with each answer, and its own answer might come in the same turn.
 */
export class InTurn {
  readonly #atOnce: number;
  /** In the order of the calls. */
  readonly #waiting = new Set<() => void>();
  #underWay = 0;
  /** Set while work waits. */
  #beginning: Promise<void> | undefined;
  /** Called when less is under way. */
  #ended: (() => void) | undefined;

  /** @param atOnce how much work is under way at a time */
  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** Resolves when no work waits for its begin any more; `undefined` while none does. */
  begun(): Promise<void> | undefined {
    return this.#beginning;
  }

  /** How much work waits for its begin. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether work that comes now has to wait. */
  get isFull(): boolean {
    return this.#waiting.size > 0 || this.#underWay >= this.#atOnce;
  }

  /** Begins at once, or after the work before it. The promise settles as that of the work. */
  run<T>(work: () => Promise<T>): Promise<T> {
    if (!this.isFull) return this.#begin(work);
    return new Promise((resolve) => {
      this.#waiting.add(() => {
        resolve(this.#begin(work));
      });
      this.#beginning ??= inSlices(this.#beginAll());
    });
  }

  async #begin<T>(work: () => Promise<T>): Promise<T> {
    this.#underWay++;
    try {
      return await work();
    } finally {
      this.#underWay--;
      this.#ended?.();
    }
  }

  *#beginAll(): Work {
    for (const begin of this.#waiting) {
      if (this.#underWay >= this.#atOnce) {
        yield new Promise<void>((resolve) => {
          this.#ended = resolve;
        });
      }
      this.#waiting.delete(begin);
      begin();
      yield;
    }
    this.#beginning = undefined;
  }
}
