import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { channelNameProblem, channelType, userChannel } from '../../src/protocol/channel-name.js';
import { memberIdProblem, wireIdOfBackend, wireMemberId } from '../../src/protocol/member-id.js';
import { readUserData, type UserData, writeUserData } from '../../src/protocol/user-data.js';
import { HOSTILE_IDS } from '../support/hostile-ids.js';
import { titled } from '../support/titled.js';

const anyId = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 255 }),
    fc.string({ unit: fc.constantFrom('a', '=', '-', '.', '@', '|', ' '), minLength: 1, maxLength: 255 }),
    fc.constantFrom(...HOSTILE_IDS),
  )
  .filter((id) => memberIdProblem(id) === undefined);

/** What another implementation of the documented escape would make of a wire form. */
function unescaped(wireId: string): string | undefined {
  if (wireId.startsWith('==')) return undefined;
  return wireId.startsWith('=') ? Buffer.from(wireId.slice(1), 'base64url').toString() : wireId;
}

describe('A member id', () => {
  test.each(titled(HOSTILE_IDS))('may be %s', (_, id) => {
    expect(memberIdProblem(id)).toBeUndefined();
  });

  test('may have 255 characters and not 256, each of them one, however UTF-16 writes it', () => {
    for (const character of ['x', 'ж', '💬']) {
      expect(memberIdProblem(character.repeat(255))).toBeUndefined();
      expect(memberIdProblem(character.repeat(256))).toBe('it has 256 characters, 255 are allowed');
    }
  });

  test.each([[''], ['\ud800'], ['a\udc00'], [7], [null], [undefined], [true], [{ id: '7' }], [['7']], [7n]])(
    'may not be %p',
    (id) => {
      expect(memberIdProblem(id)).toMatch(/^it (is|contains) /);
    },
  );

  test('that is huge is refused in few words', () => {
    expect(memberIdProblem('x'.repeat(1_000_000))).toBe('it has 1000000 characters, 255 are allowed');
  });
});

describe('The wire form of a member id', () => {
  test.each([
    '7',
    'ada',
    'a-Z_0=@,.;',
    'ada@example.com',
    '...',
    'x'.repeat(128),
    '5f0a8c1e-0000-4000-8000-000000000000',
  ])('of %s is the id itself', (id) => {
    expect(wireMemberId(id)).toBe(id);
  });

  test.each([
    ['auth0|5f7c', '=YXV0aDB8NWY3Yw'],
    ['a+b@c.d', '=YStiQGMuZA'],
    ['.', '=Lg'],
    ['..', '=Li4'],
    ['=YQ', '=PVlR'],
    ['é', '=w6k'],
    ['e\u0301', '=ZcyB'],
    ['x'.repeat(129), `==${createHash('sha256').update('x'.repeat(129)).digest('base64url')}`],
  ])('of %j is %s', (id, wireId) => {
    expect(wireMemberId(id)).toBe(wireId);
  });

  test('has at most 128 characters of a channel name, is no path of its own, and makes a name that is a user’s own channel', () => {
    fc.assert(
      fc.property(anyId, (id) => {
        const wireId = wireMemberId(id);
        expect(channelNameProblem(wireId)).toBeUndefined();
        expect(wireId.length).toBeLessThanOrEqual(128);
        expect(['.', '..']).not.toContain(wireId);
        expect(userChannel(id).length).toBeLessThanOrEqual(164);
        expect(channelType(userChannel(id)).access).toBe('user');
      }),
      { numRuns: 2_000 },
    );
  });

  test('can be read back, unless the id is so long that it is a digest', () => {
    fc.assert(
      fc.property(anyId, (id) => {
        const read = unescaped(wireMemberId(id));
        if (read === undefined) expect(Buffer.byteLength(id)).toBeGreaterThan(95);
        else expect(read).toBe(id);
      }),
      { numRuns: 2_000 },
    );
  });

  test('is no other id’s', () => {
    fc.assert(
      fc.property(anyId, anyId, (one, other) => {
        fc.pre(one !== other);
        expect(wireMemberId(one)).not.toBe(wireMemberId(other));
      }),
      { numRuns: 2_000 },
    );
  });

  test('of an id that is escaped already is another one: a second escape is never mistaken for the first', () => {
    fc.assert(
      fc.property(anyId, (id) => {
        const wireId = wireMemberId(id);
        if (wireId !== id) expect(wireMemberId(wireId)).not.toBe(wireId);
      }),
    );
  });

  test('is what a backend means that sends the id, or that form', () => {
    fc.assert(
      fc.property(anyId, (id) => {
        expect(wireIdOfBackend(wireMemberId(id))).toBe(wireMemberId(id));
        if (!id.startsWith('=')) expect(wireIdOfBackend(id)).toBe(wireMemberId(id));
      }),
    );
  });
});

describe('The user_data of a signin', () => {
  test('carries any id and any watchlist to the gateway', () => {
    fc.assert(
      fc.property(
        anyId,
        fc.option(fc.uniqueArray(anyId, { maxLength: 5 }), { nil: undefined }),
        (id, watchlist) => {
          const written = writeUserData(id, { name: 'x' }, watchlist);
          const read = readUserData(written) as UserData;
          expect([read.id, read.watchlist, read.info]).toEqual([id, watchlist ?? [], { name: 'x' }]);
          expect(read.answer).toBe(written);
          expect((JSON.parse(written) as { id: string }).id).toBe(wireMemberId(id));
        },
      ),
    );
  });

  test('is as it always was where nothing is escaped', () => {
    expect(writeUserData('ada', { name: 'Ada' }, ['bob'])).toBe(
      '{"id":"ada","user_info":{"name":"Ada"},"watchlist":["bob"]}',
    );
    expect(writeUserData('ada', undefined)).toBe('{"id":"ada"}');
  });

  test('of a backend that knows no escape may have the id as it is: the answer has its wire form', () => {
    const read = readUserData('{"id":"auth0|5","user_info":1,"watchlist":["a b","",7,"a b"]}');
    expect(read).toEqual({
      id: 'auth0|5',
      info: 1,
      watchlist: ['a b'],
      answer: JSON.stringify({ id: wireMemberId('auth0|5'), user_info: 1, watchlist: ['a b', '', 7, 'a b'] }),
    });
  });

  // Whoever may choose an id at another backend could choose the escaped one of somebody else.
  test.each([
    JSON.stringify({ id: wireMemberId('auth0|5') }),
    JSON.stringify({ id: wireMemberId('auth0|5'), member: { id: 'auth0|6' } }),
    JSON.stringify({ id: wireMemberId('auth0|5'), member: 'auth0|5' }),
    JSON.stringify({ id: '=', member: { id: '' } }),
    JSON.stringify({ id: '==', member: null }),
  ])('signs nobody in by an escaped id alone: %s', (userData) => {
    expect(readUserData(userData)).toMatch(/^"id": it (begins with "="|is empty)/);
  });

  test('keeps its own id where "member" is about somebody else', () => {
    expect(readUserData('{"id":"bob","member":{"id":"ada","watchlist":["cy"]}}')).toMatchObject({
      id: 'bob',
      watchlist: [],
    });
  });
});
