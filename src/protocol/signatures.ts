import type { AppCredentials } from '../ports/socket-config.js';
import { hmacHex, isEqualDigest } from './hmac.js';

/** The text that a subscription's signature covers. `channelData` is part of it wherever the client sends some. */
export function channelStringToSign(socketId: string, channel: string, channelData?: string): string {
  return channelData === undefined ? `${socketId}:${channel}` : `${socketId}:${channel}:${channelData}`;
}

/** The text that a signin's signature covers. */
export function userStringToSign(socketId: string, userData: string): string {
  return `${socketId}::user::${userData}`;
}

/** The auth string `<key>:<hex HMAC-SHA256>`, which clients send to the gateway. Protocol section 3.5. */
export function sign(app: AppCredentials, stringToSign: string): string {
  return `${app.key}:${hmacHex(app.secret, stringToSign)}`;
}

/** Checks an auth string, key part included, in constant time. */
export function isSignedBy(app: AppCredentials, auth: string, stringToSign: string): boolean {
  return isEqualDigest(auth, sign(app, stringToSign));
}
