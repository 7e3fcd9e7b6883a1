import { handshakeProblem } from '../../src/protocol/handshake.js';
import { isSocketId, newSocketId } from '../../src/protocol/socket-id.js';
import { titled } from '../support/titled.js';

const KEY = 'switchboard-key';
const answer = (target: string) => handshakeProblem(target, KEY)?.code;

describe('The URL of a connection (3.1)', () => {
  test('is accepted exactly as pusher-js sends it', () => {
    expect(answer(`/app/${KEY}?protocol=7&client=js&version=8.6.0&flash=false`)).toBeUndefined();
  });

  test.each(['5', '6', '7'])('may ask for protocol %s', (protocol) => {
    expect(answer(`/app/${KEY}?protocol=${protocol}`)).toBeUndefined();
  });

  const otherProtocols = [
    '0',
    '1',
    '2',
    '3',
    '4',
    '8',
    '70',
    '-7',
    '7.5',
    '1e1',
    'seven',
    '0x7',
    '٧',
    '7;x',
    '7%0A',
  ];

  test.each(titled([...otherProtocols, '7'.repeat(5_000)]))(
    'is answered 4007 for protocol %s',
    (_, protocol) => {
      expect(answer(`/app/${KEY}?protocol=${protocol}&version=8.6.0`)).toBe(4007);
    },
  );

  test.each([`/app/${KEY}`, `/app/${KEY}?`, `/app/${KEY}?client=js&version=8.6.0`, `/app/${KEY}?Protocol=7`])(
    'is answered 4008 without a protocol: %s',
    (target) => {
      expect(answer(target)).toBe(4008);
    },
  );

  test.each(['8.6.0', '8.6', '8', '2.1.6.1', '8.6.0-beta.1', '7.0.3-worker'])(
    'may name the client version %s',
    (version) => {
      expect(answer(`/app/${KEY}?protocol=7&client=js&version=${version}`)).toBeUndefined();
    },
  );

  test.each(['x', 'v', '8.', '.8', '8..6', 'eight', '8.6.0%0A', '%3Cscript%3E', '8%206', '-1'])(
    'is answered 4006 for the malformed version %s',
    (version) => {
      expect(answer(`/app/${KEY}?protocol=7&client=js&version=${version}`)).toBe(4006);
    },
  );

  test('may leave the client and its version out', () => {
    expect(answer(`/app/${KEY}?protocol=7`)).toBeUndefined();
  });

  test('may have query keys nobody knows', () => {
    const unknown = 'flash=true&__proto__=1&constructor=x&a[]=1&%=%&&=';
    expect(answer(`/app/${KEY}?protocol=7&version=8.6.0&${unknown}`)).toBeUndefined();
  });

  const otherKeys = ['nobody', 'SWITCHBOARD-KEY', `${KEY}x`, `x${KEY}`, '%', '%00', '__proto__'];

  test.each(titled([...otherKeys, 'k'.repeat(10_000)]))('is answered 4001 for the key %s', (_, key) => {
    expect(answer(`/app/${key}?protocol=7&client=js&version=8.6.0`)).toBe(4001);
  });

  test.each([
    '/app',
    '/app/',
    '/app?protocol=7',
    `/app/${KEY}/more?protocol=7`,
    `/app//${KEY}?protocol=7`,
    '/',
    '',
  ])('is answered 4005 for the path of %j', (target) => {
    expect(answer(target)).toBe(4005);
  });

  test('names a wrong key before a missing protocol: a stranger learns nothing more', () => {
    expect(answer('/app/nobody')).toBe(4001);
  });
});

describe('A socket id (3.1)', () => {
  test('has the shape pusher insists on', () => {
    for (let i = 0; i < 1_000; i++) expect(newSocketId()).toMatch(/^\d+\.\d+$/);
  });

  test('is a new one every time', () => {
    const ids = Array.from({ length: 10_000 }, newSocketId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('is recognized, and so is one of another server', () => {
    expect(isSocketId(newSocketId())).toBe(true);
    expect(isSocketId('1234.1234')).toBe(true);
  });

  test.each([
    ['1234'],
    ['1234.'],
    ['.1234'],
    ['1234.1234\n'],
    ['1234.1234:x'],
    ['a1.2'],
    ['1.2.3'],
    [' 1.2'],
    [1.2],
    [null],
  ])('is not %j: the pattern is anchored', (value) => {
    expect(isSocketId(value)).toBe(false);
  });
});
