import { channelNameProblem, channelType } from '../../src/protocol/channel-name.js';

describe('The type of a channel (3.5)', () => {
  test.each([
    ['orders', 'public', false, false],
    ['cache-orders', 'public', false, true],
    ['private-orders', 'private', false, false],
    ['private-cache-orders', 'private', false, true],
    ['private-encrypted-orders', 'private', true, false],
    ['private-encrypted-cache-orders', 'private', true, true],
    ['presence-orders', 'presence', false, false],
    ['presence-cache-orders', 'presence', false, true],
    ['#server-to-user-7', 'user', false, false],
  ] as const)('of "%s" is %s, encrypted %s, cached %s', (name, access, encrypted, cached) => {
    expect(channelType(name)).toEqual({ access, encrypted, cached });
  });

  test.each([
    ['foo-private-x'],
    ['x-presence-y'],
    ['x-cache-y'],
    ['privateer'],
    ['presence'],
    ['private'],
    ['cache'],
    ['cachet-orders'],
    ['Private-orders'],
    ['PRESENCE-orders'],
    [' private-orders'],
    ['x#server-to-user-7'],
    ['\nprivate-orders'],
  ])('of %j is public: the prefix is anchored and its dash belongs to it', (name) => {
    expect(channelType(name)).toEqual({ access: 'public', encrypted: false, cached: false });
  });

  test.each([
    ['private-x-cache-y', { access: 'private', encrypted: false, cached: false }],
    ['private-encryptedx', { access: 'private', encrypted: false, cached: false }],
    ['presence-encrypted-x', { access: 'presence', encrypted: false, cached: false }],
    ['presence-private-x', { access: 'presence', encrypted: false, cached: false }],
    ['cache-private-x', { access: 'public', encrypted: false, cached: true }],
    ['private-', { access: 'private', encrypted: false, cached: false }],
  ])('of "%s" is read off its beginning only', (name, type) => {
    expect(channelType(name)).toEqual(type);
  });
});

describe('A channel name (3.5)', () => {
  test('may have every character of A-Za-z0-9_-=@,.;', () => {
    const allowed = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-=@,.;';
    expect(channelNameProblem(allowed)).toBeUndefined();
  });

  test('may have no other character of ASCII, at its beginning, in its middle or at its end', () => {
    for (let code = 0; code < 128; code++) {
      const character = String.fromCharCode(code);
      if (/[A-Za-z0-9_\-=@,.;]/.test(character)) continue;
      for (const name of [`${character}ab`, `a${character}b`, `ab${character}`]) {
        expect([name, channelNameProblem(name)]).toEqual([name, expect.any(String)]);
      }
    }
  });

  test.each(['straße', 'ｐrivate', 'a\u200bb', '💬', '\ud800', 'e\u0301'])('may not be %j', (name) => {
    expect(channelNameProblem(name)).toEqual(expect.any(String));
  });

  test('may have 164 characters with its prefix and not 165', () => {
    expect(channelNameProblem('private-'.padEnd(164, 'x'))).toBeUndefined();
    expect(channelNameProblem('private-'.padEnd(165, 'x'))).toEqual(expect.any(String));
  });

  test('may not be a user channel: # is reserved', () => {
    expect(channelNameProblem('#server-to-user-7')).toEqual(expect.any(String));
  });

  test.each([[''], [undefined], [null], [7], [true], [{}], [['orders']]])('may not be %j', (name) => {
    expect(channelNameProblem(name)).toEqual(expect.any(String));
  });

  test('that is huge is refused in few words', () => {
    expect((channelNameProblem('x'.repeat(1_000_000)) ?? '').length).toBeLessThan(200);
    expect(channelNameProblem('x'.repeat(1_000_000))).toBeDefined();
  });
});
