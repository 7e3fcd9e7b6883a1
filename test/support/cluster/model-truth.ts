/** An event that a publisher has made, by its name `<publisher>:<number>`. */
interface Made {
  readonly name: string;
  readonly isAccepted: boolean;
}

/** Checks the promise of history: a gap-free part of the log in its order, or an honest gap. */
export class Truth {
  readonly #made = new Map<string, Made>();

  made(name: string, isAccepted: boolean): void {
    this.#made.set(name, { name, isAccepted });
  }

  /** How many events were accepted. */
  get accepted(): number {
    return [...this.#made.values()].filter(({ isAccepted }) => isAccepted).length;
  }

  /**
   * Everything that is wrong with what the pages were handed.
   *
   * @param heard of each page, with `gap …` where it was told of one; the last of each is an event that all of them hear
   */
  wrongs(heard: readonly (readonly string[])[]): string[] {
    return [
      ...heard.flatMap((events, page) => [
        ...this.#repeated(events).map((name) => `page ${page} heard ${name} twice`),
        ...this.#holes(events).map((name) => `page ${page} was not handed ${name}, and not told of a gap`),
        ...this.#disorder(events).map((pair) => `page ${page} heard ${pair} out of order`),
      ]),
      ...this.#disagreements(heard),
    ];
  }

  #repeated(events: readonly string[]): string[] {
    const seen = new Set<string>();
    return events.filter((event) => !isGap(event) && seen.size === seen.add(event).size);
  }

  /** Accepted events between two of one publisher that a page was handed without a gap between them. */
  #holes(events: readonly string[]): string[] {
    const all = new Set(events);
    const missing: string[] = [];
    const last = new Map<string, number>();
    for (const event of events) {
      if (isGap(event)) {
        last.clear();
        continue;
      }
      const [publisher = '', number = '0'] = event.split(':');
      const before = last.get(publisher);
      for (let n = (before ?? Number(number)) + 1; n < Number(number); n++) {
        const name = `${publisher}:${n}`;
        if (this.#made.get(name)?.isAccepted === true && !all.has(name)) missing.push(name);
      }
      last.set(publisher, Math.max(before ?? 0, Number(number)));
    }
    return missing;
  }

  /** Accepted events of one publisher keep the order in which it made them. */
  #disorder(events: readonly string[]): string[] {
    const wrong: string[] = [];
    const last = new Map<string, number>();
    for (const event of events) {
      if (isGap(event) || this.#made.get(event)?.isAccepted !== true) continue;
      const [publisher = '', number = '0'] = event.split(':');
      const before = last.get(publisher) ?? -1;
      if (Number(number) < before) wrong.push(`${publisher}:${before} and ${event}`);
      last.set(publisher, Math.max(before, Number(number)));
    }
    return wrong;
  }

  /** All pages hear the events that they share in one order. */
  #disagreements(heard: readonly (readonly string[])[]): string[] {
    const wrong: string[] = [];
    const [first = [], ...others] = heard;
    const places = new Map(first.map((name, index) => [name, index]));
    for (const [index, events] of others.entries()) {
      let last = -1;
      for (const name of events) {
        const place = isGap(name) ? undefined : places.get(name);
        if (place === undefined) continue;
        if (place < last) wrong.push(`pages 0 and ${index + 1} heard ${name} in different orders`);
        last = Math.max(last, place);
      }
    }
    return wrong;
  }
}

function isGap(event: string): boolean {
  return event.startsWith('gap ');
}
