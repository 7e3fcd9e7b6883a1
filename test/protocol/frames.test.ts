import { CODES, ProtocolError } from '../../src/protocol/codes.js';
import {
  connectionEstablished,
  errorFrame,
  frame,
  PING,
  PONG,
  subscriptionSucceeded,
} from '../../src/protocol/frame.js';

/** The payload behind the header of a WebSocket message of less than 65,536 bytes. */
const payload = ({ wire }: { wire: Buffer }): string => wire.toString('utf8', wire[1] === 126 ? 4 : 2);

const read = ({ text }: { text: string }): unknown => JSON.parse(text);

describe('A frame from the server (3.2)', () => {
  test('carries its data as a JSON string', () => {
    expect(read(frame('created', { channel: 'orders', data: '{"id":7}' }))).toEqual({
      event: 'created',
      channel: 'orders',
      data: '{"id":7}',
    });
  });

  test('leaves out what there is not', () => {
    expect(read(frame('created', {}))).toEqual({ event: 'created' });
    expect(read(frame('created', { data: '' }))).toEqual({ event: 'created', data: '' });
  });

  test('has the user_id on its top level', () => {
    expect(read(frame('client-x', { channel: 'presence-x', data: '1', userId: '7' }))).toEqual({
      event: 'client-x',
      channel: 'presence-x',
      data: '1',
      user_id: '7',
    });
  });

  test.each(['"', '\\', '\n', '\u2028', '</script>', '\u0000', '💬', '","event":"evil', '\ud800'])(
    'is valid JSON whatever its texts hold: %j',
    (text) => {
      const built = frame(text, { channel: text, data: text, userId: text });
      expect(read(built)).toEqual({ event: text, channel: text, data: text, user_id: text });
      expect(JSON.parse(payload(built))).toEqual(read(built));
    },
  );

  test('has the same bytes for every connection', () => {
    const built = frame('created', { data: '"ü"' });
    expect(built.wire).toBe(built.wire);
    expect(payload(built)).toBe(built.text);
  });
});

describe('The frames of the protocol (3.4)', () => {
  test('greet with the socket id and the activity timeout, inside a string', () => {
    expect(read(connectionEstablished('12.34', 120))).toEqual({
      event: 'pusher:connection_established',
      data: '{"socket_id":"12.34","activity_timeout":120}',
    });
  });

  test('answer a subscription with {} as a string', () => {
    expect(read(subscriptionSucceeded('orders'))).toEqual({
      event: 'pusher_internal:subscription_succeeded',
      channel: 'orders',
      data: '{}',
    });
  });

  test('ping and pong', () => {
    expect(read(PING)).toMatchObject({ event: 'pusher:ping' });
    expect(read(PONG)).toMatchObject({ event: 'pusher:pong' });
  });

  test.each([4009, null])('say errors with the code %s and a message', (code) => {
    const { event, data } = read(errorFrame(new ProtocolError(code, 'No.'))) as {
      event: string;
      data: unknown;
    };
    expect(event).toBe('pusher:error');
    expect(typeof data === 'string' ? JSON.parse(data) : data).toEqual({ code, message: 'No.' });
  });
});

describe('The codes (3.11)', () => {
  test('that stop a client for good are in 4000-4099, those that call it back at once in 4200-4299', () => {
    expect(CODES).toMatchObject({
      APP_NOT_FOUND: 4001,
      PATH_NOT_FOUND: 4005,
      INVALID_VERSION: 4006,
      UNSUPPORTED_PROTOCOL: 4007,
      NO_PROTOCOL: 4008,
      UNAUTHORIZED: 4009,
      RECONNECT: 4200,
      PONG_TIMEOUT: 4201,
      RATE_EXCEEDED: 4301,
    });
  });
});
