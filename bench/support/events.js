// What all processes agree on.

export const APP = { id: 'bench', key: 'bench-key', secret: 'bench-secret' };
/** No frame of the protocol itself begins so, which is how the load generator tells them apart. */
export const EVENT = 'BENCH_EVENT';
/** What a frame of an event weighs on a browser's wire. */
export const FRAME_BYTES = 245;
const DIGITS = 7;

/**
 * The payload of one event. All of them are of one length.
 *
 * @param {number} sequence 1 for the first
 * @param {number} padding so many bytes more
 */
export function payloadOf(sequence, padding) {
  return { sequence: String(sequence).padStart(DIGITS, '0'), padding: 'x'.repeat(padding) };
}

/**
 * How much padding makes a channel's frames as long as all of them shall be.
 *
 * @param {string} channel
 */
export function paddingFor(channel) {
  const frame = { event: EVENT, channel, data: JSON.stringify(payloadOf(1, 0)) };
  return Math.max(0, FRAME_BYTES - JSON.stringify(frame).length);
}

/**
 * The sequence number in a frame.
 *
 * @param {Buffer} frame
 */
export function sequenceOf(frame) {
  return Number(JSON.parse(JSON.parse(frame.toString()).data).sequence);
}
