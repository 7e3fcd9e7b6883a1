import type { Message } from './answer.js';
import { moved, type Position, reaches } from './position.js';

/** An event of a log, between two positions; without a message, it is one that this page does not get. */
export interface Step {
  readonly before: Position;
  readonly after: Position;
  readonly message?: Message;
  /** Whether it came with its position, and so perhaps late. */
  readonly isPlaced?: true;
}

/** More than these are not held: the log has them too. */
const MOST_HELD = 1_000;

/** The events of one channel that wait for earlier ones, in the order of the log; between them messages that no log has. */
export class Held {
  #items: (Step | Message)[] = [];

  /** The first event of the log. */
  get first(): Step | undefined {
    return this.#items.find(isStep);
  }

  add(item: Step | Message): void {
    if (this.#items.length >= MOST_HELD) this.clear();
    const index = isStep(item)
      ? this.#items.findIndex((other) => isStep(other) && isLater(other, item.after))
      : -1;
    this.#items.splice(index < 0 ? this.#items.length : index, 0, item);
  }

  clear(): void {
    this.#items = [];
  }

  /**
   * Takes the items out one by one, until an event is not taken: something is missing before it.
   *
   * @param take says whether it has taken an event; it may clear everything
   */
  drain(take: (step: Step) => boolean, hand: (message: Message) => void): void {
    for (let item = this.#items.shift(); item !== undefined; item = this.#items.shift()) {
      if (!isStep(item)) hand(item);
      else if (!take(item)) {
        this.#items.unshift(item);
        return;
      }
    }
  }

  /** The events that came with a position of another log. */
  ofOtherLogs(position: Position): readonly Step[] {
    return this.#items.filter(isStep).filter((step) => step.isPlaced && step.after.epoch !== position.epoch);
  }

  /** Forgets the events of which `isOut` says so. */
  remove(isOut: (step: Step) => boolean): void {
    this.#items = this.#items.filter((item) => !isStep(item) || !isOut(item));
  }
}

/** Whether an event lies later in the same log than a position. */
export function isLater({ after }: Step, position: Position | undefined): boolean {
  return position !== undefined && reaches(after, moved(position, 1));
}

function isStep(item: Step | Message): item is Step {
  return 'after' in item;
}
