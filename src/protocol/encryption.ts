import { createHash, randomBytes } from 'node:crypto';
import { SocketUsageError } from '../ports/errors.js';
import { channelType } from './channel-name.js';
import { secretbox } from './secretbox.js';

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
  const nonce = randomBytes(secretbox().nonceLength);
  const ciphertext = secretbox()(Buffer.from(data), nonce, channelSecret(channel, masterKey));
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
  const data = secretbox().open(Buffer.from(encrypted.ciphertext, 'base64'), nonce, secret);
  return data === null ? undefined : Buffer.from(data).toString();
}

/** How many bytes the data of an event has once it is encrypted; the limits are for these. */
export function encryptedBytes(bytes: number): number {
  const base64 = (length: number) => 4 * Math.ceil(length / 3);
  const { nonceLength, overheadLength } = secretbox();
  return '{"nonce":"","ciphertext":""}'.length + base64(nonceLength) + base64(bytes + overheadLength);
}

/** An event's data as it goes out on a channel: encrypted where the channel is, and there is a key. */
export function dataFor(
  channel: string,
  masterKey: Buffer | undefined,
  data: string | undefined,
): string | undefined {
  if (!channelType(channel).encrypted) return data;
  if (masterKey === undefined) throw new SocketUsageError('INVALID_CHANNEL_NAME', encryptionProblem(channel));
  return encrypt(channel, masterKey, data ?? '');
}

/** Why nothing can be sent to an encrypted channel while there is no key. */
export function encryptionProblem(channel: string): string {
  return `The channel "${channel}" is encrypted, and there is no SOCKET_ENCRYPTION_MASTER_KEY to encrypt with`;
}
