import type { AppCredentials } from '../ports/socket-config.js';
import { hmacHex, isEqualDigest } from './hmac.js';

/** What a channel's signature is made of. Presence channels, and private ones that have it, sign `channelData` too. */
export function channelStringToSign(socketId: string, channel: string, channelData?: string): string {
  return channelData === undefined ? `${socketId}:${channel}` : `${socketId}:${channel}:${channelData}`;
}

/** What a signin's signature is made of. */
export function userStringToSign(socketId: string, userData: string): string {
  return `${socketId}::user::${userData}`;
}

/** The auth string `<key>:<hex HMAC-SHA256>` that clients hand on to the gateway. Protocol section 3.5. */
export function sign(app: AppCredentials, stringToSign: string): string {
  return `${app.key}:${hmacHex(app.secret, stringToSign)}`;
}

/** Checks an auth string, key part included, in constant time. */
export function isSignedBy(app: AppCredentials, auth: string, stringToSign: string): boolean {
  return isEqualDigest(auth, sign(app, stringToSign));
}
