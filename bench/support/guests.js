import { setTimeout as delay } from 'node:timers/promises';
import { PusherClient } from './pusher-client.js';

/**
 * One client that connects, subscribes and leaves.
 *
 * @typedef {{ url: string, memberId: string, isSignedIn?: boolean, channels: string[] }} Invitation
 */

/** Clients that connect and leave, and see each other do so. */
export class Guests {
  /** @type {{ invitation: Invitation, client: PusherClient, seen: Set<string> }[]} */
  #guests = [];
  #seen = () => undefined;
  #failures;

  /** @param {import('./failures.js').Failures} failures */
  constructor(failures) {
    this.#failures = failures;
  }

  /**
   * Connects every client, and does nothing more.
   *
   * @param {{ invitations: Invitation[] }} values
   */
  async arrive({ invitations }) {
    this.#guests = invitations.map((invitation) => {
      const seen = new Set();
      const client = new PusherClient(invitation, {
        failed: this.#failures.add,
        protocol: ({ event, data }) => {
          if (event !== 'pusher_internal:member_added') return;
          seen.add(JSON.parse(data).user_id);
          this.#seen();
        },
      });
      return { invitation, client, seen };
    });
    await this.#wait(Promise.all(this.#guests.map(({ client }) => client.greeted())));
  }

  /**
   * Signs in and subscribes every client, one after the other or all at once. Resolves when each client has seen all others on
   * the presence channel that they join.
   *
   * @param {{ isInTurn: boolean }} values
   * @returns {Promise<number>} the milliseconds it took
   */
  async enter({ isInTurn }) {
    const started = performance.now();
    if (isInTurn) for (const guest of this.#guests) await this.#wait(this.#subscribe(guest));
    else await this.#wait(Promise.all(this.#guests.map((guest) => this.#subscribe(guest))));
    await this.#failures.until((resolve) => {
      this.#seen = () => {
        if (this.#guests.every(({ seen }) => seen.size === this.#guests.length)) resolve(undefined);
      };
      this.#seen();
    });
    return performance.now() - started;
  }

  /**
   * Lets every client leave, one after the other: deliberately, or as if its connection was lost.
   *
   * @param {{ isDeliberate: boolean, pauseMs?: number }} values
   */
  async leave({ isDeliberate, pauseMs = 0 }) {
    for (const { invitation, client } of this.#guests) {
      if (isDeliberate) for (const channel of invitation.channels) client.unsubscribe(channel);
      await client.close();
      await delay(pauseMs);
    }
  }

  /** @param {{ invitation: Invitation, client: PusherClient, seen: Set<string> }} guest */
  async #subscribe({ invitation: { channels, isSignedIn, memberId }, client, seen }) {
    if (isSignedIn) await client.signIn(memberId);
    for (const channel of channels) {
      const answer = await client.subscribe(channel, memberId);
      for (const id of answer.presence?.ids ?? []) seen.add(id);
    }
    this.#seen();
  }

  /**
   * @template T
   * @param {Promise<T>} work
   * @returns {Promise<T>}
   */
  #wait(work) {
    return this.#failures.until((resolve) => void work.then(resolve, this.#failures.add));
  }
}
