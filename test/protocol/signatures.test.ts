import { channelStringToSign, isSignedBy, sign, userStringToSign } from '../../src/protocol/signatures.js';

const app = { id: '3', key: '278d425bdf160c739803', secret: '7ad3773142a6692b25b8' };
const other = { ...app, key: 'another-key' };

const PRIVATE = '58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4';
const USER = '4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba';
const PRESENCE = '31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80';
const HTTP = 'da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c';
const CHANNEL_DATA = '{"user_id":10,"user_info":{"name":"Mr. Channels"}}';
const USER_DATA = '{"id":"12345"}';

describe('A signature (3.5)', () => {
  test.each([
    ['1234.1234:private-foobar', PRIVATE],
    [`1234.1234::user::${USER_DATA}`, USER],
    [`1234.1234:presence-foobar:${CHANNEL_DATA}`, PRESENCE],
    [
      'POST\n/apps/3/events\nauth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0&body_md5=ec365a775a4cd0599faeb73354201b6f',
      HTTP,
    ],
  ])('of %j is the published one', (stringToSign, signature) => {
    expect(sign(app, stringToSign)).toBe(`${app.key}:${signature}`);
    expect(isSignedBy(app, `${app.key}:${signature}`, stringToSign)).toBe(true);
  });

  test('of a private channel covers the socket id and the channel', () => {
    expect(channelStringToSign('1234.1234', 'private-foobar')).toBe('1234.1234:private-foobar');
  });

  test('of a presence channel covers the channel_data too, exactly as received', () => {
    expect(channelStringToSign('1234.1234', 'presence-foobar', CHANNEL_DATA)).toBe(
      `1234.1234:presence-foobar:${CHANNEL_DATA}`,
    );
  });

  test('of a signin covers the socket id and the user_data', () => {
    expect(userStringToSign('1234.1234', USER_DATA)).toBe(`1234.1234::user::${USER_DATA}`);
  });

  test('is over the UTF-8 bytes of what is signed', () => {
    expect(sign(app, '1.1:presence-x:{"user_id":"ü","user_info":"💬"}')).toBe(
      '278d425bdf160c739803:cbfe4f6ef2024c36092b82de8e74c6b686055fe122ba583d6e6f72b69c976181',
    );
  });

  test('does not hold under another key, although the secret is the same', () => {
    expect(isSignedBy(app, `${other.key}:${PRIVATE}`, '1234.1234:private-foobar')).toBe(false);
    expect(isSignedBy(other, `${app.key}:${PRIVATE}`, '1234.1234:private-foobar')).toBe(false);
  });

  test.each([
    ['nothing', ''],
    ['the bare signature', PRIVATE],
    ['the bare key', app.key],
    ['the key and no signature', `${app.key}:`],
    ['a signature in capitals', `${app.key}:${PRIVATE.toUpperCase()}`],
    ['a signature cut short', `${app.key}:${PRIVATE.slice(0, -1)}`],
    ['something after the signature', `${app.key}:${PRIVATE}0`],
    ['a line after the signature', `${app.key}:${PRIVATE}\n`],
    ['the key twice', `${app.key}:${app.key}:${PRIVATE}`],
    ['another signature', `${app.key}:${USER}`],
    ['as many characters but more bytes', `${app.key}:${'é'.repeat(64)}`],
    ['as many bytes but fewer characters', `${app.key}:${'é'.repeat(32)}`],
    ['a megabyte', 'x'.repeat(1_000_000)],
  ])('is not %s', (_, auth) => {
    expect(isSignedBy(app, auth, '1234.1234:private-foobar')).toBe(false);
  });

  test('does not hold for another socket, another channel or other channel_data', () => {
    expect(isSignedBy(app, `${app.key}:${PRIVATE}`, '1234.1235:private-foobar')).toBe(false);
    expect(isSignedBy(app, `${app.key}:${PRIVATE}`, '1234.1234:private-foobaz')).toBe(false);
    const padded = CHANNEL_DATA.replace(':10', ': 10');
    expect(isSignedBy(app, `${app.key}:${PRESENCE}`, `1234.1234:presence-foobar:${padded}`)).toBe(false);
  });
});
