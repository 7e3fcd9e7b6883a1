import fc from 'fast-check';

/** So many browsers; the last ones are second tabs of the first ones' members. */
export const BROWSERS = 8;
const MEMBERS = 5;
export const NODES = 3;
/** The channels to subscribe to. */
export const ROOMS = ['presence-a', 'presence-b', 'presence-c'] as const;
export const NOTES = 'private-notes';
export const CHANNELS = [...ROOMS, NOTES] as const;

/** The owner of each browser. */
export function memberOf(browser: number): string {
  return `member-${browser % MEMBERS}`;
}

/** A step of one browser, or a moment that passes. A browser that is not there yet connects first. */
export type Step =
  | { readonly do: 'subscribe' | 'leave'; readonly browser: number; readonly channel: string }
  | { readonly do: 'drop'; readonly browser: number; readonly node: number }
  | { readonly do: 'quit'; readonly browser: number }
  | { readonly do: 'wait'; readonly ms: number };

/** A disaster of the cluster: once all is quiet, or in the middle of everything. */
export type Disaster =
  | { readonly do: 'kill'; readonly node: number; readonly isQuiet: boolean }
  /** Redis is gone while these steps are done, and comes back empty. */
  | { readonly do: 'lose-redis'; readonly isQuiet: boolean; readonly meanwhile: readonly Step[] };

/** A story: steps, disasters one after the other, and steps after each. */
export interface Scenario {
  readonly before: readonly Step[];
  readonly chapters: readonly { readonly disaster: Disaster; readonly after: readonly Step[] }[];
}

/** Plain objects, which print as what they are. */
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(fields, { noNullPrototype: true });

const browser = fc.nat(BROWSERS - 1);
const node = fc.nat(NODES - 1);
const channel = fc.constantFrom(...CHANNELS);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: record({ do: fc.constant('subscribe' as const), browser, channel }) },
  { weight: 3, arbitrary: record({ do: fc.constant('leave' as const), browser, channel }) },
  { weight: 2, arbitrary: record({ do: fc.constant('drop' as const), browser, node }) },
  { weight: 1, arbitrary: record({ do: fc.constant('quit' as const), browser }) },
  { weight: 2, arbitrary: record({ do: fc.constant('wait' as const), ms: fc.nat(40) }) },
);
const steps = (minLength: number, maxLength: number) => fc.array(step, { minLength, maxLength, size: 'max' });

const disaster: fc.Arbitrary<Disaster> = fc.oneof(
  record({ do: fc.constant('kill' as const), node, isQuiet: fc.boolean() }),
  record({ do: fc.constant('lose-redis' as const), isQuiet: fc.boolean(), meanwhile: steps(0, 10) }),
);

/** Many more steps than disasters: a kill takes as long as a lease. */
export const scenario: fc.Arbitrary<Scenario> = record({
  before: steps(15, 40),
  chapters: fc.array(record({ disaster, after: steps(0, 15) }), {
    minLength: 0,
    maxLength: 2,
    size: 'max',
  }),
});
