import { hash, timingSafeEqual } from 'node:crypto';

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;

/** What a secret becomes at the beginning of the inner and of the outer hash. */
interface Pads {
  readonly secret: string;
  readonly inner: Buffer;
  readonly outer: Buffer;
}

/** Those of the last secret: a process has one, or two. */
let known: Pads | undefined;

/**
 * The HMAC-SHA256 of a text or of bytes, in hex: what every signature of the protocol is made with.
 *
 * Put together from two hashes, as RFC 2104 defines it. `createHmac` makes an object of OpenSSL's each time and looks its
 * algorithm up by name, which takes longer than the hashing: three times as long in all, for every request and subscription.
 */
export function hmacHex(secret: string, text: string | Buffer): string {
  const { inner, outer } = (known = known?.secret === secret ? known : padsOf(secret));
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const digest = hash('sha256', Buffer.concat([inner, bytes]), 'buffer');
  return hash('sha256', Buffer.concat([outer, digest], BLOCK_BYTES + DIGEST_BYTES), 'hex');
}

function padsOf(secret: string): Pads {
  const bytes = Buffer.from(secret);
  const key = bytes.length > BLOCK_BYTES ? hash('sha256', bytes, 'buffer') : bytes;
  const pad = (filling: number) => {
    const block = Buffer.alloc(BLOCK_BYTES, filling);
    for (const [index, byte] of key.entries()) block[index] = byte ^ filling;
    return block;
  };
  return { secret, inner: pad(0x36), outer: pad(0x5c) };
}

/** Compares what was received with what is expected, in a time that tells nothing of where they differ. */
export function isEqualDigest(received: string, expected: string): boolean {
  const [one, other] = [Buffer.from(received), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
