import type { JoinRefusal } from '../../../ports/cluster.js';

/** Called once: when a subscription counts on all nodes, or is refused. */
export type JoinCallback = (refusal?: JoinRefusal) => void;

/** A subscription that was not answered yet; on presence channels with its user. */
export interface PendingJoin {
  readonly userId: string | undefined;
  readonly done: JoinCallback;
  /** When it came, in milliseconds of `Clock.now()`. */
  readonly since: number;
}

/** The subscriptions of a channel that wait for an answer, oldest first. */
export class PendingJoins {
  readonly #failed: (error: unknown) => void;
  /** Every join that was not answered yet. */
  readonly #unanswered = new Set<PendingJoin>();
  /** Those of them that no report under way contains. */
  #joins: PendingJoin[] = [];
  /** Those of them that Redis has accepted. */
  #accepted: PendingJoin[] = [];

  /** @param failed called with what a callback throws; the other callbacks are called all the same */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** Whether a report under way, or one before, contains every join. */
  get isEmpty(): boolean {
    return this.#joins.length === 0;
  }

  /** When the oldest join came that was not answered yet; `undefined` when all were answered. */
  get oldestSince(): number | undefined {
    const [oldest] = this.#unanswered;
    return oldest?.since;
  }

  add(join: PendingJoin): void {
    this.#unanswered.add(join);
    this.#joins.push(join);
  }

  /** Takes out the joins that a report will answer. */
  take(isReady: (join: PendingJoin) => boolean = () => true): readonly PendingJoin[] {
    const joins = this.#joins;
    this.#joins = [];
    const taken: PendingJoin[] = [];
    for (const join of joins)
      if (this.#unanswered.has(join)) (isReady(join) ? taken : this.#joins).push(join);
    return taken;
  }

  /** Puts joins back that could not be answered, before those that came since. */
  putBack(joins: readonly PendingJoin[]): void {
    this.#joins = [...joins, ...this.#joins];
  }

  /** Redis has accepted joins that were taken out. They are answered later. */
  accept(joins: readonly PendingJoin[]): void {
    this.#accepted.push(...joins);
  }

  /** Answers the joins that Redis has accepted. */
  answerAccepted(): void {
    if (this.#accepted.length === 0) return;
    const accepted = this.#accepted;
    this.#accepted = [];
    this.answer(accepted, () => false);
  }

  /** Answers those joins that were not answered before. */
  answer(joins: readonly PendingJoin[], isRefused: (userId: string) => boolean): void {
    for (const join of joins) {
      if (!this.#unanswered.delete(join)) continue;
      const { userId, done } = join;
      try {
        if (userId !== undefined && isRefused(userId)) done('full');
        else done();
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  /** Answers every join that came before a time, wherever it is. */
  answerAll(isRefused: (userId: string) => boolean, before = Number.POSITIVE_INFINITY): void {
    this.answer(
      [...this.#unanswered].filter(({ since }) => since <= before),
      isRefused,
    );
  }
}
