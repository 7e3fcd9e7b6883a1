import { dataFields, parseClientFrame, textField } from '../../src/protocol/client-frame.js';
import { ProtocolError } from '../../src/protocol/codes.js';
import { eventNameProblem } from '../../src/protocol/event-name.js';
import { titled } from '../support/titled.js';

/** The answer to a text: the code of the `pusher:error`, or the error that was thrown instead of one. */
function refusal(read: () => unknown): unknown {
  try {
    return { accepted: read() };
  } catch (error) {
    return error instanceof ProtocolError ? error.code : error;
  }
}

describe('A frame from a client (3.2)', () => {
  test('has an event, and perhaps a channel and data', () => {
    expect(parseClientFrame('{"event":"pusher:ping"}')).toMatchObject({ event: 'pusher:ping' });
    expect(parseClientFrame('{"event":"client-x","channel":"private-x","data":[1]}')).toEqual({
      event: 'client-x',
      channel: 'private-x',
      data: [1],
    });
  });

  const broken = ['', ' ', 'Hi', '{', '{"event":"pusher:ping"', '{"event":"pusher:ping"}{}', "{'event':'x'}"];
  const noObjects = ['null', '7', '"pusher:ping"', '[]', '[{"event":"pusher:ping"}]'];
  const noEvents = ['{}', '{"event":null}', '{"event":7}', '{"event":""}', '{"event":[]}', '{"event":["x"]}'];
  const more = [
    '\ufeff{"event":"pusher:ping"}',
    '{"event":{}}',
    '{"__proto__":{"event":"pusher:ping"}}',
    '{"event":"client-x","channel":7}',
    '{"event":"client-x","channel":["private-x"]}',
    '{"event":"client-x","channel":{}}',
    '['.repeat(60_000),
    '{"a":'.repeat(10_000),
  ];

  test.each(titled([...broken, ...noObjects, ...noEvents, ...more]))(
    'that is %s is refused with the code null',
    (_, text) => {
      expect(refusal(() => parseClientFrame(text))).toBeNull();
    },
  );

  test('may nest as deep as it likes', () => {
    const deep = `{"event":"pusher:ping","data":${'['.repeat(30_000)}${']'.repeat(30_000)}}`;
    expect(parseClientFrame(deep).event).toBe('pusher:ping');
  });

  test('with the same key twice is read once: the last counts', () => {
    expect(parseClientFrame('{"event":"pusher:ping","event":"pusher:pong"}').event).toBe('pusher:pong');
  });

  test('cannot reach a prototype', () => {
    parseClientFrame('{"event":"x","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
    expect(Reflect.has({}, 'polluted')).toBe(false);
  });
});

describe('The data of an event from a client (3.2)', () => {
  const fields = (data: unknown) => dataFields({ event: 'pusher:subscribe', channel: undefined, data });

  test('may be an object or that object as text', () => {
    expect(fields({ channel: 'orders' })).toMatchObject({ channel: 'orders' });
    expect(fields('{"channel":"orders"}')).toMatchObject({ channel: 'orders' });
  });

  test.each([[undefined], [null], [7], [true], [[]], ['Hello'], [''], ['7'], ['null'], ['[]'], ['"{}"']])(
    'is refused with the code null when it is %j',
    (data) => {
      expect(refusal(() => fields(data))).toBeNull();
    },
  );

  test.each([[7], [true], [[]], [{}], [['orders']]])('has no field that is %j instead of a text', (value) => {
    expect(refusal(() => textField(fields({ channel: value }), 'channel'))).toBeNull();
  });

  test('has only its own fields', () => {
    const inherited = fields(JSON.parse('{"__proto__":{"channel":"orders"}}'));
    expect(textField(inherited, 'channel')).toBe('');
  });
});

describe('The name of an event that the application sends (3.4)', () => {
  const good = [
    'MEMBER_DEACTIVATED',
    'a b',
    'x-client-y',
    'x-pusher:y',
    'pusherx',
    'straße',
    'x'.repeat(200),
  ];
  const reserved = ['pusher:', 'pusher:error', 'pusher_internal:member_added', 'client-typing'];

  test.each(titled(good))('may be %s', (_, name) => {
    expect(eventNameProblem(name)).toBeUndefined();
  });

  test.each(titled([...reserved, 'x'.repeat(201), '', 7, null]))('may not be %s', (_, name) => {
    expect(eventNameProblem(name)).toEqual(expect.any(String));
  });
});
