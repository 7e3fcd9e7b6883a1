import { CHANNELS } from './story.js';
import type { Visitor } from './visitor.js';

/** All that is true: what the browsers that are open want. */
export interface Truth {
  readonly channels: ReadonlyMap<string, { readonly members: readonly string[]; readonly count: number }>;
  readonly online: ReadonlySet<string>;
}

export const NOBODY: Truth = { channels: new Map(), online: new Set() };

/** What these browsers want. */
export function truthOf(visitors: readonly Visitor[]): Truth {
  const channels = new Map(
    CHANNELS.map((channel) => {
      const there = visitors.filter(({ wants }) => wants.has(channel));
      const members = [...new Set(there.map(({ id }) => id))].sort();
      return [channel, { members, count: there.length }];
    }),
  );
  const online = new Set(visitors.filter(({ isSignedIn }) => isSignedIn).map(({ id }) => id));
  return { channels, online };
}

/** The members of a presence channel; sorted. */
export function membersOf(truth: Truth, channel: string): readonly string[] {
  return truth.channels.get(channel)?.members ?? [];
}

export function isOccupied(truth: Truth, channel: string): boolean {
  return (truth.channels.get(channel)?.count ?? 0) > 0;
}

/** Whether somebody is signed in. */
export function isOnline(truth: Truth, id: string): boolean {
  return truth.online.has(id);
}
