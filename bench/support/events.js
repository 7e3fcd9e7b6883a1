// The events, in the form that all processes share.

export const APP = { id: 'bench', key: 'bench-key', secret: 'bench-secret-of-20-characters' };
/** No frame of the protocol itself begins like this, so the load generator can recognize an event. */
export const EVENT = 'BENCH_EVENT';
/** The bytes of an event's frame on a browser's connection. */
export const FRAME_BYTES = 245;
const DIGITS = 7;
const ZERO = 48;

/**
 * The payload of one event. All payloads have the same length.
 *
 * @param {number} sequence 1 for the first
 * @param {string} padding
 */
export function payloadOf(sequence, padding) {
  return { sequence: String(sequence).padStart(DIGITS, '0'), padding };
}

/**
 * An event as a frame.
 *
 * @type {Record<string, (channel: string, payload: object) => string>}
 */
const FRAMES = {
  pusher: (channel, payload) => JSON.stringify({ event: EVENT, channel, data: JSON.stringify(payload) }),
  // A member's own events have no channel there.
  'socket-io': (channel, payload) =>
    `42${JSON.stringify(channel.startsWith('#') ? [EVENT, payload] : [EVENT, payload, channel])}`,
  'socket.io': (_, payload) => `42${JSON.stringify([EVENT, payload])}`,
};

/**
 * The padding that gives a channel's frames the same length as all others.
 *
 * @param {string} channel
 * @param {number} [bytes]
 * @param {string} [dialect] the protocol of server and client
 */
export function paddingFor(channel, bytes = FRAME_BYTES, dialect = 'pusher') {
  const least = FRAMES[dialect]?.(channel, payloadOf(1, '')).length ?? 0;
  if (least > bytes) throw new Error(`A frame of ${channel} has ${least} bytes at least.`);
  return 'x'.repeat(bytes - least);
}

/** The channel of relays to a member, in Pusher's protocol. @param {string} memberId */
export const userChannel = (memberId) => `#server-to-user-${memberId}`;

/** The id of one of many members. The ids have one length, so the frames have one too. @param {number} index */
export const memberOf = (index) => `member-${String(index).padStart(5, '0')}`;

/**
 * The sequence number in a frame. It is searched and not parsed as JSON, because the load generator reads a million frames.
 *
 * @param {Buffer} frame
 */
export function sequenceOf(frame) {
  let at = frame.indexOf('sequence') + 'sequence'.length;
  const isDigit = () => {
    const code = frame[at] ?? 0;
    return code >= ZERO && code < ZERO + 10;
  };
  while (at < frame.length && !isDigit()) at++;
  let sequence = 0;
  for (; isDigit(); at++) sequence = sequence * 10 + (frame[at] ?? 0) - ZERO;
  return sequence;
}
