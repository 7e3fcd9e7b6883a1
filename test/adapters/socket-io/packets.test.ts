import { type Packet, Packets, SEPARATOR } from '../../../src/adapters/socket-io/packets.js';
import { Batch } from '../../../src/channels/batch.js';
import { frame, PING, subscriptionSucceeded } from '../../../src/protocol/frame.js';

const packetOf = (built: ReturnType<typeof frame>): Packet | undefined => new Packets().of(built);

test.each([
  ['of a member’s own', frame('A', { channel: '#server-to-user-ada', data: '{"b":1}' }), '2["A",{"b":1}]'],
  ['of a member’s own without payload', frame('A', { channel: '#server-to-user-ada' }), '2["A"]'],
  ['of a channel', frame('A', { channel: 'news', data: '[1]' }), '2["A",[1],"news"]'],
  ['of a channel without payload', frame('A', { channel: 'news' }), '2["A",null,"news"]'],
  [
    'of a client',
    frame('client-a', { channel: 'presence-x', data: 'null', userId: 'ada' }),
    '2["client-a",null,"presence-x","ada"]',
  ],
  ['of the connection', frame('pusher:signin_success', { data: '{}' }), '2["pusher:signin_success",{}]'],
  ['of the protocol', subscriptionSucceeded('news'), '2["pusher:subscription_succeeded",{},"news"]'],
  [
    'whose data is no JSON, as another server may publish it',
    frame('A', { channel: 'news', data: 'hello \u001e4' }),
    '2["A","hello \\u001e4","news"]',
  ],
])('an event %s is one packet', (_, built, text) => {
  const packet = packetOf(built);
  expect(packet?.text).toBe(text);
  expect(packet?.wire.subarray(2).toString()).toBe(`4${text}`);
});

test.each([
  ['a ping, because engine.io has its own', PING],
  ['an event of a name that Socket.IO keeps for itself', frame('disconnect', { channel: 'news' })],
])('a client does not get %s', (_, built) => {
  expect(packetOf(built)).toBeUndefined();
});

test('one frame is one packet for all of its receivers', () => {
  const packets = new Packets();
  const built = frame('A', { channel: 'news' });
  expect(packets.of(built)).toBe(packets.of(built));
});

test('the packets of a turn are joined once, as bytes and as the text of a poll', () => {
  const packets = new Packets();
  const [one, two] = [packets.of(frame('A', {})), packets.of(frame('B', {}))];
  if (one === undefined || two === undefined) throw new Error('There is a packet for each');
  const empty = Batch.empty();
  const batch = empty.with(one).with(two);
  expect(empty.with(one).with(two)).toBe(batch);
  expect(batch.joined(SEPARATOR)).toBe('2["A"]\u001e42["B"]');
  expect(batch.bytes).toEqual(Buffer.concat([one.wire, two.wire]));
});
