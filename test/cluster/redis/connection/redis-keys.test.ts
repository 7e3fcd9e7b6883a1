import fc from 'fast-check';
import { RedisKeys } from '../../../../src/cluster/redis/connection/redis-keys.js';
import { channelNameProblem, userChannel } from '../../../../src/protocol/channel-name.js';

const CHARACTERS = Array.from('abcXYZ019_-=@,.;');
const name = fc
  .oneof(
    fc.string({ unit: fc.constantFrom(...CHARACTERS), minLength: 1, maxLength: 164 }),
    fc.constantFrom('presence-status', '-', '.', 'x=status', 'nodes', 'node'),
  )
  .filter((channel) => channelNameProblem(channel) === undefined);
const user = fc
  .oneof(
    fc.string({
      unit: fc.constantFrom(...CHARACTERS, '{', '}', ':', '|', '\n', '*', '?'),
      minLength: 1,
      maxLength: 255,
    }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 255 }),
  )
  .map(userChannel);
const channel = fc.oneof(name, user);
const prefix = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9._:-]{1,64}$/),
  fc.constantFrom('shop', 'shop:', ':', ':status', 'shop:node', 'a:b:c', '..'),
);

test('the subject of a Redis channel can be read off its name, whatever the channel and the prefix', () => {
  fc.assert(
    fc.property(prefix, channel, (start, about) => {
      const keys = new RedisKeys(start);
      expect(keys.read(keys.bus(about))).toEqual({ channel: about, isStatus: false });
      expect(keys.read(keys.status(about))).toEqual({ channel: about, isStatus: true });
    }),
    { numRuns: 500 },
  );
});

test('nothing of one prefix is anything of another, also where one begins with the other', () => {
  fc.assert(
    fc.property(prefix, prefix, channel, channel, (one, other, here, there) => {
      fc.pre(one !== other);
      const [ours, theirs] = [new RedisKeys(one), new RedisKeys(other)];
      expect(ours.read(theirs.bus(there))).toBeUndefined();
      expect(ours.read(theirs.status(there))).toBeUndefined();
      const all = (keys: RedisKeys, about: string) => [
        ...[keys.nodes, keys.resigned, keys.claims, keys.heard, keys.reaped, keys.swept],
        ...[keys.channelsOf('n0de.1'), keys.bus(about), keys.cache(about)],
      ];
      const taken = new Set(all(ours, here));
      expect(all(theirs, there).filter((key) => taken.has(key))).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test('no two things have one key, and all that one script changes is in one slot of a Redis Cluster', () => {
  fc.assert(
    fc.property(prefix, channel, (start, about) => {
      const keys = new RedisKeys(start);
      const own = [keys.bus(about), keys.cache(about)];
      const ofAll = [keys.nodes, keys.resigned, keys.claims, keys.heard, keys.reaped, keys.swept];
      const everything = [...own, ...ofAll, keys.channelsOf('n0de.1')];
      expect(new Set(everything).size).toBe(everything.length);
      expect(new Set(own.map(hashTag))).toEqual(new Set([about]));
      expect(new Set(ofAll.map(hashTag))).toEqual(new Set(['#']));
    }),
  );
});

test.each([
  '',
  'shop',
  'shop:',
  'shop:{',
  'shop:}',
  'shop:{}x',
  'xshop:{a}',
  'shop:{a}:nodes',
  'shop:{a}:status:status',
  'shop:a:status',
])('%j is no channel of the bus', (redisChannel) => {
  expect(new RedisKeys('shop').read(redisChannel)).toBeUndefined();
});

/** The part of a key that decides about its slot. */
function hashTag(key: string): string | undefined {
  return /\{([^}]+)\}/.exec(key)?.[1];
}
