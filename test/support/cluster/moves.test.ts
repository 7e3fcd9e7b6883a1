import { ANSWER_TIMEOUT_MS } from '../../../src/cluster/redis/connection/redis-connection.js';
import { Moves } from './moves.js';
import type { Report } from './node-protocol.js';

const ROOM = 'presence-room';
const [CAME, WENT] = ['member_added', 'member_removed'] as const;
const LATER = ANSWER_TIMEOUT_MS + 1;

const told = (name: typeof CAME | typeof WENT, at: number, user_id = 'ada', channel = ROOM): Report => ({
  event: { name, channel, user_id },
  at,
});

describe('The reports of several nodes about a member', () => {
  test('end with the latest report, also about a member who came, left and came back', () => {
    const moves = new Moves([told(CAME, 0), told(WENT, LATER), told(CAME, 2 * LATER)], ROOM);
    expect(moves.mayEndWith('+', 'ada')).toBe(true);
    expect(moves.mayEndWith('-', 'ada')).toBe(false);
    expect(moves.balance('ada')).toBe(1);
    expect(moves.all).toEqual(['+ada', '+ada', '-ada']);
  });

  test('are taken by their time, and not in the order in which they were heard', () => {
    const moves = new Moves([told(CAME, LATER), told(WENT, 2 * LATER), told(CAME, 0)], ROOM);
    expect(moves.mayEndWith('-', 'ada')).toBe(true);
    expect(moves.mayEndWith('+', 'ada')).toBe(false);
  });

  test('may end with either of two that are no further apart than a node may wait for Redis', () => {
    const moves = new Moves([told(CAME, 0), told(WENT, ANSWER_TIMEOUT_MS)], ROOM);
    expect(moves.mayEndWith('+', 'ada')).toBe(true);
    expect(moves.mayEndWith('-', 'ada')).toBe(true);
    expect(moves.balance('ada')).toBe(0);
  });

  test('are about one channel and one member, of whom there may be none', () => {
    const moves = new Moves([told(CAME, 0, 'bob'), told(CAME, 0, 'ada', 'presence-other')], ROOM);
    expect(moves.ids).toEqual(['bob']);
    expect(moves.mayEndWith('+', 'ada')).toBe(false);
    expect(moves.balance('ada')).toBe(0);
  });
});
