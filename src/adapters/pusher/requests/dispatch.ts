import type { OutgoingEvent } from '../http/pusher-http-api.js';

/** Where something goes. */
export interface Addressee {
  readonly channel: string;
  /** The member or the channel, as the caller named it. */
  readonly to: string;
}

/** One event on its way to one channel. */
export interface EventPost extends Addressee {
  readonly dispatch: Dispatch;
  readonly event: OutgoingEvent;
}

/** The end of one member's connections, which keeps its place among the events to that member. */
export interface Termination extends Addressee {
  readonly dispatch: Dispatch;
  readonly event: undefined;
}

/** What one call of the port asks for, for one channel. Exactly once it is settled with {@link Dispatch.settle}. */
export type Post = EventPost | Termination;

/** What did not arrive, and why. */
export interface Loss {
  readonly to: string;
  readonly failure: unknown;
}

/** One call of the port: its deliveries, and what becomes of them. */
export class Dispatch {
  readonly posts: readonly Post[];
  /** Resolves, once every delivery is settled, with those that failed, in the order of the addressees. Never rejects. */
  readonly losses: Promise<readonly Loss[]>;
  /** The same for calls that send the same event to the same kind of channel. */
  readonly content: string;
  /** Nothing of this call begins later, on the clock of `performance.now()`. Known when what it was gathered with is sent. */
  startBy = Infinity;
  #unsettled: number;
  #failures: Map<Post, unknown> | undefined;
  #end: () => void = () => undefined;

  /**
   * @param addressees each at most once
   * @param event the event they get, or `undefined` to end the connections of members
   */
  constructor(addressees: readonly Addressee[], event: OutgoingEvent | undefined) {
    this.posts = addressees.map(({ channel, to }) =>
      event === undefined ? { channel, to, event, dispatch: this } : { channel, to, event, dispatch: this },
    );
    this.content = event === undefined ? '' : contentOf(event, this.posts[0]);
    this.#unsettled = addressees.length;
    this.losses = new Promise((resolve) => {
      this.#end = () => {
        resolve(this.#losses());
      };
    });
    if (this.#unsettled === 0) this.#end();
  }

  /** Says what came of one of its deliveries: taken, unless there is a failure. */
  settle(post: Post, failure?: unknown): void {
    if (failure !== undefined) (this.#failures ??= new Map()).set(post, failure);
    this.#unsettled--;
    if (this.#unsettled === 0) this.#end();
  }

  /** What one of its deliveries failed with, as far as is known by now. */
  failureOf(post: Post): unknown {
    return this.#failures?.get(post);
  }

  #losses(): Loss[] {
    const failures = this.#failures;
    if (failures === undefined) return [];
    return this.posts
      .filter((post) => failures.has(post))
      .map((post) => ({ to: post.to, failure: failures.get(post) }));
  }
}

/** Whether it goes to a member's own channel. */
export function isToMember({ channel, to }: Addressee): boolean {
  return channel !== to;
}

/** Neither a socket id nor JSON text has a NUL in it, so no two events are taken for the same. */
function contentOf({ name, data, exceptSocketId = '' }: OutgoingEvent, addressee?: Addressee): string {
  // Members' own channels are kept apart, because a server may refuse several of those at once.
  const kind = addressee !== undefined && isToMember(addressee) ? 'member' : 'channel';
  return `${kind} ${exceptSocketId}\0${name}\0${data}`;
}
