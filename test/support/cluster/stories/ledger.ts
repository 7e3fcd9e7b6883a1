import type { ChannelEvent } from '../../../../src/ports/channel-events.js';
import type { WebhookLog } from '../webhook-log.js';
import { CHANNELS, PRESENCE_CHANNELS } from './story.js';
import { isOccupied, membersOf, NOBODY, type Truth } from './truth.js';

/** How often something began and how often it ended must differ by what became of it. */
interface Account {
  readonly what: string;
  readonly began: number;
  readonly ended: number;
  readonly due: number;
}

/** The webhooks of a cluster, added up from one moment at which all was right to the next. */
export class Ledger {
  #since = 0;
  #before = NOBODY;

  constructor(private readonly log: WebhookLog) {}

  /** All is right: from here on it is added up anew. */
  close(truth: Truth): void {
    this.#since = this.log.events.length;
    this.#before = truth;
  }

  /** Fails unless all comings and goings since the last time lead from what was to what is. */
  expectAddsUp(truth: Truth): void {
    const accounts = [
      ...PRESENCE_CHANNELS.flatMap((channel) => this.#membersOf(channel, truth)),
      ...CHANNELS.map((channel) => this.#occupancyOf(channel, truth)),
    ];
    const wrong = accounts.filter(({ began, ended, due }) => began - ended !== due);
    expect(wrong.map(({ what, began, ended, due }) => `${what}: +${began} -${ended}, due ${due}`)).toEqual(
      [],
    );
  }

  #membersOf(channel: string, truth: Truth): Account[] {
    const [before, after] = [membersOf(this.#before, channel), membersOf(truth, channel)];
    const events = this.#events(channel);
    const ids = new Set(events.flatMap((event) => ('user_id' in event ? [event.user_id] : [])));
    for (const id of [...before, ...after]) ids.add(id);
    return [...ids].map((id) => ({
      what: `${id} on ${channel}`,
      began: count(events, 'member_added', id),
      ended: count(events, 'member_removed', id),
      due: Number(after.includes(id)) - Number(before.includes(id)),
    }));
  }

  #occupancyOf(channel: string, truth: Truth): Account {
    const events = this.#events(channel);
    return {
      what: `${channel} is occupied`,
      began: count(events, 'channel_occupied'),
      ended: count(events, 'channel_vacated'),
      due: Number(isOccupied(truth, channel)) - Number(isOccupied(this.#before, channel)),
    };
  }

  #events(channel: string): ChannelEvent[] {
    return this.log.events.slice(this.#since).filter((event) => event.channel === channel);
  }
}

function count(events: readonly ChannelEvent[], name: ChannelEvent['name'], id?: string): number {
  return events.filter(
    (event) => event.name === name && (id === undefined || ('user_id' in event && event.user_id === id)),
  ).length;
}
