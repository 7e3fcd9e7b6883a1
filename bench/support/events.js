// What all processes agree on.

export const APP = { id: 'bench', key: 'bench-key', secret: 'bench-secret-of-20-characters' };
/** No frame of the protocol itself begins so, which is how the load generator tells them apart. */
export const EVENT = 'BENCH_EVENT';
/** What a frame of an event weighs on a browser's wire. */
export const FRAME_BYTES = 245;
const DIGITS = 7;
const ZERO = 48;

/**
 * The payload of one event. All of them are of one length.
 *
 * @param {number} sequence 1 for the first
 * @param {string} padding
 */
export function payloadOf(sequence, padding) {
  return { sequence: String(sequence).padStart(DIGITS, '0'), padding };
}

/**
 * How an event looks on the wire.
 *
 * @type {Record<string, (channel: string, payload: object) => string>}
 */
const FRAMES = {
  pusher: (channel, payload) => JSON.stringify({ event: EVENT, channel, data: JSON.stringify(payload) }),
  'socket.io': (_, payload) => `42${JSON.stringify([EVENT, payload])}`,
};

/**
 * The padding that makes a channel's frames as long as all of them shall be.
 *
 * @param {string} channel
 * @param {number} [bytes]
 * @param {string} [dialect] what server and client speak
 */
export function paddingFor(channel, bytes = FRAME_BYTES, dialect = 'pusher') {
  const least = FRAMES[dialect]?.(channel, payloadOf(1, '')).length ?? 0;
  if (least > bytes) throw new Error(`A frame of ${channel} has ${least} bytes at least.`);
  return 'x'.repeat(bytes - least);
}

/** The channel that relays to a member come from, in Pusher's protocol. @param {string} memberId */
export const userChannel = (memberId) => `#server-to-user-${memberId}`;

/** One of many members. Their names are of one length, so their frames are too. @param {number} index */
export const memberOf = (index) => `member-${String(index).padStart(5, '0')}`;

/**
 * The sequence number in a frame. It is looked for rather than parsed: whoever reads a million frames is to be fast.
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
