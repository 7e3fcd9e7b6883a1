import pMap from 'p-map';
import { LIMITS } from '../../ports/limits.js';
import type { SocketLogger } from '../../ports/logger.js';
import { userChannel } from '../../protocol/channel-name.js';
import { deliveryError } from './delivery-error.js';
import type { OrderedDelivery } from './ordered-delivery.js';
import type { OutgoingEvent, PusherHttpApi } from './pusher-http-api.js';
import { RequestFailure } from './request-failure.js';

/** How many requests one call has under way at a time. */
export const CONCURRENT_REQUESTS = 8;

/** Refusals that say nothing about the number of channels: credentials, quota, time, size. */
const NOT_ABOUT_THE_CHANNELS: ReadonlySet<number> = new Set([401, 403, 408, 413, 429]);

/** What becomes of members whose own requests could not begin in time. */
const OUT_OF_TIME = new RequestFailure('there was no time left for a request', { retryable: true });

interface Loss {
  readonly memberId: string;
  readonly failure: unknown;
}

/**
 * One event to many members, in as few requests as the documented limit of 100 channels for one event allows.
 *
 * That users' channels may be several in one request is not documented, so a server may refuse it. Then the members of
 * that request get one each, and if that succeeds for all of them, it was the form that was refused: the log says so
 * once, and from then on this client sends to members one by one.
 */
export class MemberFanout {
  readonly #api: PusherHttpApi;
  readonly #order: OrderedDelivery;
  readonly #logger: SocketLogger;
  #membersPerRequest: number = LIMITS.channelsPerEvent;

  constructor(api: PusherHttpApi, order: OrderedDelivery, logger: SocketLogger) {
    this.#api = api;
    this.#order = order;
    this.#logger = logger;
  }

  /**
   * Sends the event to each member once, however often the id is given. Every request is tried, whatever becomes of the
   * others, as long as it can begin in time.
   *
   * @throws SocketDeliveryError whose `lost` are exactly the members missed; see {@link deliveryError} for its kind
   */
  async send(memberIds: readonly string[], event: OutgoingEvent): Promise<void> {
    const members = [...new Set(memberIds)];
    // All places are taken before the first request, so that a later relay cannot come before a group that still waits.
    const groups = inGroups(members, this.#membersPerRequest).map((group) => ({
      group,
      turn: this.#order.take(group.map(userChannel)),
    }));
    const losses = await pMap(
      groups,
      ({ group, turn }) =>
        turn((isLate) => this.#sendTogether(group, event, isLate)).catch((failure: unknown) =>
          lossesOf(group, failure),
        ),
      { concurrency: CONCURRENT_REQUESTS },
    );
    const lost = losses.flat();
    if (lost.length === 0) return;
    const whom =
      members.length === 1 ? `member "${members.join()}"` : `${lost.length} of ${members.length} members`;
    throw deliveryError(
      `"${event.name}" to ${whom}`,
      lost.map(({ memberId }) => memberId),
      lost.map(({ failure }) => failure),
    );
  }

  async #sendTogether(
    group: readonly string[],
    event: OutgoingEvent,
    isLate: () => boolean,
  ): Promise<readonly Loss[]> {
    const losses = await this.#attempt(group, event);
    const failure = losses[0]?.failure;
    if (group.length === 1 || !mayBeAboutTheChannels(failure)) return losses;

    const stillLost = await pMap(
      group,
      (memberId) => (isLate() ? lossesOf([memberId], OUT_OF_TIME) : this.#attempt([memberId], event)),
      { concurrency: CONCURRENT_REQUESTS },
    );
    if (stillLost.flat().length === 0) this.#sendSinglyFromNowOn(failure);
    return stillLost.flat();
  }

  #sendSinglyFromNowOn(refusal: RequestFailure): void {
    if (this.#membersPerRequest === 1) return;
    this.#membersPerRequest = 1;
    this.#logger.warn(
      `The Pusher HTTP API takes no event for several members at once (${refusal.message}); ` +
        'from now on each member gets a request of its own.',
    );
  }

  async #attempt(group: readonly string[], event: OutgoingEvent): Promise<readonly Loss[]> {
    try {
      await this.#api.publish(group.map(userChannel), event);
      return [];
    } catch (failure) {
      return lossesOf(group, failure);
    }
  }
}

function lossesOf(group: readonly string[], failure: unknown): Loss[] {
  return group.map((memberId) => ({ memberId, failure }));
}

function mayBeAboutTheChannels(failure: unknown): failure is RequestFailure {
  if (!(failure instanceof RequestFailure)) return false;
  const { status = 0 } = failure;
  return status >= 400 && status < 500 && !NOT_ABOUT_THE_CHANNELS.has(status);
}

function inGroups(members: readonly string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(members.length / size) }, (_, index) =>
    members.slice(index * size, (index + 1) * size),
  );
}
