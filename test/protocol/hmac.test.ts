import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { hmacHex, isEqualDigest } from '../../src/protocol/hmac.js';

describe('hmacHex', () => {
  // RFC 4231, test case 2.
  const digest = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';

  test('is the HMAC-SHA256 of a text and of its bytes, in hex', () => {
    expect(hmacHex('Jefe', 'what do ya want for nothing?')).toBe(digest);
    expect(hmacHex('Jefe', Buffer.from('what do ya want for nothing?'))).toBe(digest);
  });

  test('is what OpenSSL says, for secrets and texts of any length, also when secrets alternate', () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 });
    fc.assert(
      fc.property(text, text, text, (one, other, signed) => {
        for (const secret of [one, other, one]) {
          expect(hmacHex(secret, signed)).toBe(createHmac('sha256', secret).update(signed).digest('hex'));
        }
      }),
    );
  });
});

describe('isEqualDigest', () => {
  test('tells digests apart, whatever their lengths, in bytes and in characters', () => {
    expect(isEqualDigest('abc', 'abc')).toBe(true);
    for (const other of ['', 'ab', 'abd', 'ABC', 'abcd', 'äbc', 'ab\u0000']) {
      expect(isEqualDigest(other, 'abc')).toBe(false);
    }
  });
});
