import type { ApiEvent } from '../http/pusher-http-api.js';

/** The target of a post. */
export interface Target {
  readonly channel: string;
  /** The member or the channel, as the relay names it. */
  readonly recipient: string;
}

/** One event on its way to one channel. */
export interface EventPost extends Target {
  readonly dispatch: Dispatch;
  readonly event: ApiEvent;
}

/** The end of one member's connections, which keeps its place among the events to that member. */
export interface Termination extends Target {
  readonly dispatch: Dispatch;
  readonly event: undefined;
}

/** The part of a relay that goes to one channel. It is settled exactly once, with {@link Dispatch.settle}. */
export type Post = EventPost | Termination;

/** A recipient who was missed, and the reason. */
export interface RecipientLoss {
  readonly recipient: string;
  readonly failure: unknown;
}

/** One relay on its way to the HTTP API: its posts, one for each channel, and their outcome. */
export class Dispatch {
  readonly posts: readonly Post[];
  /** Resolves, once every post is settled, with those that failed, in the order of the targets. Never rejects. */
  readonly losses: Promise<readonly RecipientLoss[]>;
  /** Equal for dispatches that send the same event to the same kind of channel. */
  readonly content: string;
  /** The time by which its posts must be sent, in milliseconds of `Clock.now()`. It is set when they are first due. */
  startBy = Infinity;
  #unsettled: number;
  #failures: Map<Post, unknown> | undefined;
  #end: () => void = () => undefined;

  /**
   * @param targets the targets, without repetitions
   * @param event the event for them, or `undefined` to end the connections of members
   */
  constructor(targets: readonly Target[], event: ApiEvent | undefined) {
    this.posts = targets.map(({ channel, recipient }) =>
      event === undefined
        ? { channel, recipient, event, dispatch: this }
        : { channel, recipient, event, dispatch: this },
    );
    this.content = event === undefined ? '' : contentOf(event, this.posts[0]);
    this.#unsettled = targets.length;
    this.losses = new Promise((resolve) => {
      this.#end = () => {
        resolve(this.#losses());
      };
    });
    if (this.#unsettled === 0) this.#end();
  }

  /** The part of a relay that failed before it could be posted. */
  static failed(target: Target, failure: unknown): Dispatch {
    const dispatch = new Dispatch([], undefined);
    return Object.assign(dispatch, { losses: Promise.resolve([{ recipient: target.recipient, failure }]) });
  }

  /** Settles one of its posts: the server accepted it, unless there is a failure. */
  settle(post: Post, failure?: unknown): void {
    if (failure !== undefined) (this.#failures ??= new Map()).set(post, failure);
    this.#unsettled--;
    if (this.#unsettled === 0) this.#end();
  }

  /** The failure of one of its posts; `undefined` when it is accepted, or not settled yet. */
  failureOf(post: Post): unknown {
    return this.#failures?.get(post);
  }

  #losses(): RecipientLoss[] {
    const failures = this.#failures;
    if (failures === undefined) return [];
    return this.posts
      .filter((post) => failures.has(post))
      .map((post) => ({ recipient: post.recipient, failure: failures.get(post) }));
  }
}

/** Whether the target is a member's own channel. */
export function isToMember({ channel, recipient }: Target): boolean {
  return channel !== recipient;
}

/** A text that is equal for equal events only: a socket id and an event's name contain no NUL. */
function contentOf({ name, data, exceptSocketId = '' }: ApiEvent, target?: Target): string {
  // Events to members and events to channels are not combined, because some servers refuse several members at once.
  const kind = target !== undefined && isToMember(target) ? 'member' : 'channel';
  return `${kind} ${exceptSocketId}\0${name}\0${data}`;
}
