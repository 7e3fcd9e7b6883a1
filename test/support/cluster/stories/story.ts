import fc from 'fast-check';

/** So many browsers; the later ones are further tabs of the first ones' members. */
export const VISITORS = 24;
const MEMBERS = 10;
/** The first so many browsers sign in with a watchlist of everybody. */
const WATCHERS = 3;
export const FEWEST_NODES = 2;
export const MOST_NODES = 4;

export const PRESENCE_CHANNELS = ['presence-a', 'presence-b', 'presence-cache-c'] as const;
/** The channels to subscribe to: of every kind. */
export const CHANNELS = [
  ...PRESENCE_CHANNELS,
  'private-d',
  'public-e',
  'cache-f',
  'private-cache-g',
] as const;

/** Everybody. */
export const MEMBER_IDS: readonly string[] = Array.from({ length: MEMBERS }, (_, n) => `member-${n}`);

/** The owner of a browser. */
export const memberOf = (visitor: number): string => `member-${visitor % MEMBERS}`;
/** The users whose statuses a browser is told, once it is signed in. */
export const watchlistOf = (visitor: number): readonly string[] => (visitor < WATCHERS ? MEMBER_IDS : []);

/** Something that one browser does, or a moment that passes. A browser that is not there yet connects first. */
export type Step =
  | {
      readonly do: 'subscribe' | 'unsubscribe';
      readonly visitor: number;
      readonly channel: string;
    }
  /** `move`: its connection breaks, and the next one is on another node. */
  | { readonly do: 'sign-in' | 'move' | 'quit' | 'crash'; readonly visitor: number }
  | { readonly do: 'wait'; readonly ms: number };

/** Trouble that begins, and ends after some steps. The numbers choose a shard, a node or keys among those that there are. */
export type Trouble =
  /** Writes do not reach the replica any more; then the primary dies, and the replica takes its place. */
  | { readonly do: 'promote-behind'; readonly shard: number }
  /** Redis is saved, and dies later; it comes back with what was saved. */
  | { readonly do: 'old-snapshot'; readonly shard: number }
  /** Redis comes back with what was saved when the story began. */
  | { readonly do: 'old-backup'; readonly shard: number }
  /** Redis is gone for a while, and comes back empty. */
  | { readonly do: 'lose'; readonly shard: number }
  | { readonly do: 'flush'; readonly shard: number }
  | { readonly do: 'delete-keys'; readonly shard: number; readonly picks: readonly number[] }
  /** Redis has so little memory that it evicts what was not used for long. */
  | { readonly do: 'evict'; readonly shard: number; readonly bytes: number }
  /** Connections to Redis are broken, before the steps and after them. */
  | { readonly do: 'kill-connections'; readonly shard: number; readonly type: 'normal' | 'pubsub' | 'both' }
  /** The same, and no new ones are let in until the steps are done. */
  | { readonly do: 'refuse-connections'; readonly shard: number; readonly ms: number }
  | { readonly do: 'pause-redis'; readonly shard: number; readonly ms: number }
  | { readonly do: 'pause-node'; readonly node: number; readonly ms: number }
  | { readonly do: 'kill-node' | 'stop-node'; readonly node: number }
  | { readonly do: 'start-node' };

/** Steps, trouble with steps in it, and steps after it. Then everything has to be right within a time. */
export interface Chapter {
  readonly before: readonly Step[];
  readonly trouble: Trouble;
  /** Whether everything is right before the trouble begins, and again, as far as that can be, before it ends. */
  readonly isCalm: boolean;
  readonly meanwhile: readonly Step[];
  readonly after: readonly Step[];
}

/** Which Redis it is: two servers behind one address, two that sentinels watch, or a Redis Cluster with replicas. */
export type RedisKind = 'address' | 'sentinels' | 'cluster';

/** A story of some nodes and their Redis. */
export interface Story {
  readonly redis: RedisKind;
  readonly nodes: number;
  readonly chapters: readonly Chapter[];
}

export const CHAPTERS = 3;
const STEPS_AT_ONCE = 125;
/** How many steps every story has. */
export const STEPS_OF_STORY = CHAPTERS * 3 * STEPS_AT_ONCE;

/** Plain objects, which print as what they are. */
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(fields, { noNullPrototype: true });
const it = <const Name extends string>(name: Name): fc.Arbitrary<Name> => fc.constant(name);

const visitor = fc.nat(VISITORS - 1);
const node = fc.nat(MOST_NODES - 1);
const shard = fc.nat(2);
const channel = fc.constantFrom(...CHANNELS);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: record({ do: it('subscribe'), visitor, channel }) },
  { weight: 4, arbitrary: record({ do: it('unsubscribe'), visitor, channel }) },
  { weight: 1, arbitrary: record({ do: it('sign-in'), visitor }) },
  { weight: 1, arbitrary: record({ do: it('quit'), visitor }) },
  { weight: 1, arbitrary: record({ do: it('crash'), visitor }) },
  { weight: 1, arbitrary: record({ do: it('move'), visitor }) },
  { weight: 2, arbitrary: record({ do: it('wait'), ms: fc.nat(15) }) },
);
const steps = fc.array(step, { minLength: STEPS_AT_ONCE, maxLength: STEPS_AT_ONCE });

const trouble: fc.Arbitrary<Trouble> = fc.oneof(
  { weight: 4, arbitrary: record({ do: it('promote-behind'), shard }) },
  { weight: 3, arbitrary: record({ do: it('old-snapshot'), shard }) },
  { weight: 2, arbitrary: record({ do: it('old-backup'), shard }) },
  { weight: 1, arbitrary: record({ do: it('lose'), shard }) },
  { weight: 2, arbitrary: record({ do: it('flush'), shard }) },
  {
    weight: 2,
    arbitrary: record({
      do: it('delete-keys'),
      shard,
      picks: fc.array(fc.nat(999), { minLength: 1, maxLength: 8 }),
    }),
  },
  { weight: 2, arbitrary: record({ do: it('evict'), shard, bytes: fc.constantFrom(2_000, 10_000, 50_000) }) },
  {
    weight: 2,
    arbitrary: record({
      do: it('kill-connections'),
      shard,
      type: fc.constantFrom('normal', 'pubsub', 'both'),
    }),
  },
  {
    weight: 1,
    arbitrary: record({ do: it('refuse-connections'), shard, ms: fc.constantFrom(200, 2_000, 4_000) }),
  },
  { weight: 1, arbitrary: record({ do: it('pause-redis'), shard, ms: fc.constantFrom(300, 2_000, 5_000) }) },
  { weight: 1, arbitrary: record({ do: it('pause-node'), node, ms: fc.constantFrom(300, 2_500, 11_000) }) },
  { weight: 1, arbitrary: record({ do: it('kill-node'), node }) },
  { weight: 1, arbitrary: record({ do: it('stop-node'), node }) },
  { weight: 1, arbitrary: record({ do: it('start-node') }) },
);

const chapter: fc.Arbitrary<Chapter> = record({
  before: steps,
  trouble,
  isCalm: fc.boolean(),
  meanwhile: steps,
  after: steps,
});

/** Stories of one length. */
export const story: fc.Arbitrary<Story> = record({
  redis: fc.oneof(
    { weight: 6, arbitrary: it('address') },
    { weight: 1, arbitrary: it('sentinels') },
    { weight: 2, arbitrary: it('cluster') },
  ),
  nodes: fc.integer({ min: FEWEST_NODES, max: MOST_NODES - 1 }),
  chapters: fc.array(chapter, { minLength: CHAPTERS, maxLength: CHAPTERS }),
});
