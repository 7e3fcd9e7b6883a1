import { createHash, randomBytes } from 'node:crypto';
import nacl from 'tweetnacl';
import { SocketUsageError } from '../ports/errors.js';
import { channelType } from './channel-name.js';

/** The key of one encrypted channel. Only its subscribers and the backend know it. Protocol section 3.9. */
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

/** Decrypts the data of {@link encrypt}; `undefined` when it was encrypted with another key, or in another way. */
export function decrypt(
  secret: Buffer,
  encrypted: { readonly nonce: string; readonly ciphertext: string },
): string | undefined {
  const nonce = Buffer.from(encrypted.nonce, 'base64');
  if (nonce.length !== nacl.secretbox.nonceLength) return undefined;
  const data = nacl.secretbox.open(Buffer.from(encrypted.ciphertext, 'base64'), nonce, secret);
  return data === null ? undefined : Buffer.from(data).toString();
}

/** Decrypts an event's data as it is sent; `undefined` when it is not encrypted, or with another key. */
export function opened(secret: Buffer, data: unknown): string | undefined {
  const { nonce, ciphertext } = Object(decoded(data)) as Readonly<Record<string, unknown>>;
  if (typeof nonce !== 'string' || typeof ciphertext !== 'string') return undefined;
  return decrypt(secret, { nonce, ciphertext });
}

/** Reads an event's data as `pusher-js` does: as JSON if it is JSON, otherwise as text. */
export function decoded(data: unknown): unknown {
  if (typeof data !== 'string') return data;
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}

/** The bytes of an event's data after encryption. The limits apply to these. */
export function encryptedBytes(bytes: number): number {
  const base64 = (length: number) => 4 * Math.ceil(length / 3);
  const { nonceLength, overheadLength } = nacl.secretbox;
  return '{"nonce":"","ciphertext":""}'.length + base64(nonceLength) + base64(bytes + overheadLength);
}

/**
 * An event's data in the form that is sent to a channel: encrypted for an encrypted channel.
 *
 * @throws SocketUsageError when the channel is encrypted and there is no key
 */
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
