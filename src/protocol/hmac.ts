import { createHmac, timingSafeEqual } from 'node:crypto';

/** The HMAC-SHA256 of a text or of bytes, in hex: what every signature of the protocol is made with. */
export function hmacHex(secret: string, text: string | Buffer): string {
  return createHmac('sha256', secret).update(text).digest('hex');
}

/** Compares what was received with what is expected, in a time that tells nothing of where they differ. */
export function isEqualDigest(received: string, expected: string): boolean {
  const [one, other] = [Buffer.from(received), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
