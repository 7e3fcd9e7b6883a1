import type { JoinRefusal } from '../../../ports/cluster.js';

/** Called once: when a subscription counts on all nodes, or is refused. */
export type JoinCallback = (refusal?: JoinRefusal) => void;

/** A subscription that was not answered yet; on presence channels with its user. */
export interface PendingJoin {
  readonly userId: string | undefined;
  readonly done: JoinCallback;
}

/** The subscriptions of a channel that wait for an answer, oldest first. */
export class PendingJoins {
  readonly #failed: (error: unknown) => void;
  #joins: PendingJoin[] = [];

  /** @param failed called with what a callback throws; the other callbacks are called all the same */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  get isEmpty(): boolean {
    return this.#joins.length === 0;
  }

  add(join: PendingJoin): void {
    this.#joins.push(join);
  }

  /** Takes out the joins that a report will answer. */
  take(isReady: (join: PendingJoin) => boolean = () => true): readonly PendingJoin[] {
    const joins = this.#joins;
    this.#joins = [];
    const taken: PendingJoin[] = [];
    for (const join of joins) (isReady(join) ? taken : this.#joins).push(join);
    return taken;
  }

  /** Puts joins back that could not be answered, before those that came since. */
  putBack(joins: readonly PendingJoin[]): void {
    this.#joins = [...joins, ...this.#joins];
  }

  /** Answers joins that were taken out. */
  answer(joins: readonly PendingJoin[], isRefused: (userId: string) => boolean): void {
    for (const { userId, done } of joins) {
      try {
        if (userId !== undefined && isRefused(userId)) done('full');
        else done();
      } catch (error) {
        this.#failed(error);
      }
    }
  }
}
