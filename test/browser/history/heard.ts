/** All that a page hears of one kind, in order, and a way to wait for the next of it. */
export class Heard {
  readonly all: unknown[] = [];
  #wake: () => void = () => undefined;

  readonly hear = (item: unknown): void => {
    this.all.push(item);
    this.#wake();
  };

  /** Waits until so many have been heard. */
  async until(count: number): Promise<unknown[]> {
    while (this.all.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.all;
  }
}
