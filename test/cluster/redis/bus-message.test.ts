import fc from 'fast-check';
import {
  answerMessage,
  askMessage,
  BUS_VERSION,
  type BusMessage,
  eventMessage,
  infoOf,
  infoText,
  readBusMessage,
  terminateMessage,
  USERS_AT_ONCE,
  usersMessage,
} from '../../../src/cluster/redis/bus-message.js';
import type { ChannelMessage } from '../../../src/ports/cluster.js';
import { userChannel } from '../../../src/protocol/channel-name.js';
import { memberIdProblem } from '../../../src/protocol/member-id.js';

/** Reads a message that has just arrived. */
const read = (text: string) => readBusMessage(text, Date.now());

const KINDS = [
  'event',
  'users',
  'ask',
  'answer',
  'terminate',
  'remove',
  'added',
  'removed',
  'count',
  'status',
];
const text = fc.string({ unit: 'binary' });
const memberId = text.filter((id) => memberIdProblem(id) === undefined);
const eventName = text.filter((name) => name !== '' && !/^(?:pusher(?:_internal)?|switchboard):/.test(name));

const message = fc
  .record({
    event: eventName,
    data: fc.option(text, { nil: undefined }),
    exceptSocketId: fc.option(text, { nil: undefined }),
    userId: fc.option(text, { nil: undefined }),
    isClientEvent: fc.option(fc.constant(true as const), { nil: undefined }),
  })
  .map(({ userId, isClientEvent, ...rest }): ChannelMessage => {
    return {
      ...rest,
      ...(userId !== undefined && { userId }),
      ...(isClientEvent !== undefined && { isClientEvent }),
    };
  });

test('another node reads an event exactly as one node sent it, whatever is in it', () => {
  fc.assert(
    fc.property(text, message, (node, sent) => {
      expect(read(eventMessage(node, sent))).toEqual({
        kind: 'event',
        node,
        message: sent,
        stamp: undefined,
      });
      expect(read(terminateMessage(node))).toEqual({ kind: 'terminate', node });
    }),
  );
});

test('another node reads to which users an event goes, and what was sent to each of them', () => {
  fc.assert(
    fc.property(text, message, fc.uniqueArray(memberId, { maxLength: 5 }), (node, sent, ids) => {
      const { event, data, exceptSocketId } = sent;
      const userChannels = ids.map(userChannel);
      expect(read(usersMessage(node, userChannels, sent))).toEqual({
        kind: 'users',
        node,
        message: { event, data, exceptSocketId },
        userChannels,
      });
    }),
  );
});

const json = fc.option(fc.json(), { nil: undefined });

test('another node reads an ask, and the asking one its answer, exactly as they were sent', () => {
  const ask = fc.record({
    id: text,
    event: eventName,
    json,
    timeoutMs: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  });
  const answer = fc.oneof(fc.record({ json }), fc.record({ error: text }));
  fc.assert(
    fc.property(text, text, ask, answer, (node, replyTo, sent, given) => {
      expect(read(askMessage(node, replyTo, sent))).toEqual({ kind: 'ask', node, replyTo, ask: sent });
      expect(read(answerMessage(sent.id, given))).toEqual({ kind: 'answer', id: sent.id, answer: given });
    }),
  );
});

test.each([
  [{ k: 'ask', n: 'n', to: '#answers-1', id: '1', e: 'X', t: 0 }],
  [{ k: 'ask', n: 'n', to: '#answers-1', id: '1', e: 'X', t: 2 ** 31 }],
  [{ k: 'ask', n: 'n', to: '#answers-1', id: '1', e: 'X', t: 1, d: '{' }],
  [{ k: 'ask', n: 'n', to: 7, id: '1', e: 'X', t: 1 }],
  [{ k: 'answer', id: '1', d: 'no JSON' }],
  [{ k: 'answer', id: '1', error: {} }],
  [{ k: 'answer' }],
])('no node sends %j', (fields) => {
  expect(read(JSON.stringify({ v: BUS_VERSION, ...fields }))).toBeUndefined();
});

test('an event to more users than a node sends at once was sent by no node', () => {
  const to = (count: number) =>
    read(JSON.stringify({ v: BUS_VERSION, k: 'users', n: 'n', e: 'news', to: Array(count).fill('ada') }));
  expect(to(USERS_AT_ONCE)).toMatchObject({ kind: 'users' });
  expect(to(USERS_AT_ONCE + 1)).toBeUndefined();
});

test('a script can put a stamp before the last brace', () => {
  fc.assert(
    fc.property(message, fc.nat({ max: Date.now() * 1_000 }), (sent, stamp) => {
      const stamped = `${eventMessage('n', sent).slice(0, -1)},"s":${stamp}}`;
      expect(read(stamped)).toEqual({ kind: 'event', node: 'n', message: sent, stamp });
    }),
  );
});

test('any text at all is a message that means something, or none; reading it never fails', () => {
  fc.assert(
    fc.property(fc.oneof(text, fc.json()), (anything) => {
      expectHarmless(read(anything));
    }),
  );
});

test('so is anything that looks like a message', () => {
  const names = [
    'v',
    'k',
    'n',
    'e',
    'd',
    'x',
    'u',
    'c',
    's',
    'r',
    'id',
    'info',
    'count',
    'online',
    'channel',
    'to',
    '__proto__',
  ];
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom('1', '-1', '1.5', '', ' 1', '0x10', '1e3', 'Infinity', 'pusher:error'),
    fc.integer(),
  );
  const fields = fc.dictionary(fc.constantFrom(...names), value);
  fc.assert(
    fc.property(fields, fc.constantFrom(...KINDS), (some, kind) => {
      expectHarmless(read(JSON.stringify({ ...some, v: BUS_VERSION, k: kind })));
    }),
    { numRuns: 2_000 },
  );
});

const COMPLETE: Record<string, object> = {
  event: { n: 'a.1', e: 'news', d: '{}' },
  users: { n: 'a.1', e: 'news', d: '{}', to: ['ada'] },
  ask: { n: 'a.1', to: '#answers-1', id: '1', e: 'news', d: '{}', t: 1 },
  answer: { id: '1', d: '{}' },
  terminate: { n: 'a.1' },
  remove: { n: 'a.1', channel: 'presence-room', id: 'ada' },
  added: { r: '17', p: '16', id: 'ada', info: '{"a":1}' },
  removed: { r: '17', p: '16', id: 'ada' },
  count: { n: 'a.1', count: 3 },
  status: { r: '17', online: true },
};

test.each(KINDS)(
  'a message of the kind "%s" needs each of its fields, and takes any that a later version adds',
  (kind) => {
    const fields = { ...COMPLETE[kind], k: kind, v: BUS_VERSION };
    expect(read(JSON.stringify(fields))).toMatchObject({ kind });
    expect(read(JSON.stringify({ ...fields, later: [1] }))).toMatchObject({ kind });
    for (const name of Object.keys(fields)) {
      if (name === 'd') continue;
      expect({ name, read: read(JSON.stringify({ ...fields, [name]: undefined })) }).toEqual({
        name,
        read: undefined,
      });
      expect({ name, read: read(JSON.stringify({ ...fields, [name]: null })) }).toEqual({
        name,
        read: undefined,
      });
    }
  },
);

const VERSIONS: [version: unknown, isUnderstood: boolean][] = [
  [BUS_VERSION - 1, true],
  [BUS_VERSION, true],
  [BUS_VERSION + 1, true],
  [BUS_VERSION + 2, false],
  [BUS_VERSION - 2, false],
  [BUS_VERSION + 0.5, false],
  [BUS_VERSION - 0.5, false],
  [`${BUS_VERSION}`, false],
  [[BUS_VERSION], false],
  [null, false],
  [true, false],
];

test.each(VERSIONS)('the version %j is understood: %s', (v, isUnderstood) => {
  const message = read(JSON.stringify({ v, k: 'terminate', n: 'a.1' }));
  expect(message).toEqual(isUnderstood ? { kind: 'terminate', node: 'a.1' } : undefined);
});

test.each(['pusher:error', 'pusher:signin_success', 'pusher_internal:member_added', 'switchboard:ask', ''])(
  'nobody can speak as the protocol: %j',
  (e) => {
    expect(read(JSON.stringify({ v: BUS_VERSION, k: 'event', n: 'a.1', e }))).toBeUndefined();
  },
);

test.each(['', '-1', '1.5', ' ', '1e3', '0x10', '9007199254740993', 'Infinity', 'NaN'])(
  '%j is no version of a roster',
  (r) => {
    expect(read(JSON.stringify({ v: BUS_VERSION, k: 'removed', r, id: 'ada' }))).toBeUndefined();
  },
);

test('the info of a user is the same after it has travelled', () => {
  fc.assert(
    fc.property(fc.option(fc.jsonValue(), { nil: undefined }), (info) => {
      const sent = info === undefined ? undefined : (JSON.parse(JSON.stringify(info)) as unknown);
      expect(infoOf(infoText(sent))).toEqual(sent);
    }),
  );
  expect(infoOf('{')).toBeUndefined();
});

/** Fails when a message has anything in it that nodes do not send. */
function expectHarmless(message: BusMessage | undefined): void {
  if (message === undefined) return;
  if ('version' in message) expect(Number.isSafeInteger(message.version) && message.version >= 0).toBe(true);
  switch (message.kind) {
    case 'event': {
      const { event, data, exceptSocketId, userId } = message.message;
      expect(event).not.toMatch(/^(pusher(_internal)?:|$)/);
      for (const part of [data, exceptSocketId, userId])
        expect(['string', 'undefined']).toContain(typeof part);
      return;
    }
    case 'added':
      expect(() => message.info === '' || (JSON.parse(message.info) as unknown)).not.toThrow();
      expect(message.id).not.toBe('');
      return;
    case 'remove':
    case 'removed':
      expect(message.id).not.toBe('');
      return;
    case 'count':
      expect(Number.isSafeInteger(message.count) && message.count >= 0).toBe(true);
      return;
    case 'status':
      expect(typeof message.isOnline).toBe('boolean');
      return;
    case 'terminate':
      expect(typeof message.node).toBe('string');
  }
}
