import { createHash, randomBytes } from 'node:crypto';
import nacl from 'tweetnacl';

/** The key of one encrypted channel, which only its subscribers and the backend know. Protocol section 3.9. */
export function channelSecret(channel: string, masterKey: Buffer): Buffer {
  return createHash('sha256').update(channel).update(masterKey).digest();
}

/**
 * Encrypts an event's data for one channel: NaCl secretbox with a random nonce.
 *
 * @returns the data to send instead, as JSON text
 */
export function encrypt(channel: string, masterKey: Buffer, data: string): string {
  const nonce = randomBytes(nacl.secretbox.nonceLength);
  const ciphertext = nacl.secretbox(Buffer.from(data), nonce, channelSecret(channel, masterKey));
  return JSON.stringify({
    nonce: nonce.toString('base64'),
    ciphertext: Buffer.from(ciphertext).toString('base64'),
  });
}

/** Reads what {@link encrypt} wrote, or nothing when the key is another one. */
export function decrypt(
  secret: Buffer,
  encrypted: { readonly nonce: string; readonly ciphertext: string },
): string | undefined {
  const nonce = Buffer.from(encrypted.nonce, 'base64');
  const data = nacl.secretbox.open(Buffer.from(encrypted.ciphertext, 'base64'), nonce, secret);
  return data === null ? undefined : Buffer.from(data).toString();
}
