import { createHmac } from 'node:crypto';

// The tests sign by themselves, as the application's own backend would: a mistake in the code under test must not sign too.

export interface Credentials {
  readonly id: string;
  readonly key: string;
  readonly secret: string;
}

/** The auth string of protocol section 3.5: `<key>:<hex HMAC-SHA256>`. */
export function authFor(app: Credentials, stringToSign: string): string {
  return `${app.key}:${createHmac('sha256', app.secret).update(stringToSign).digest('hex')}`;
}

/** The answer of an auth endpoint for a channel. */
export function channelAuth(
  app: Credentials,
  socketId: string,
  channel: string,
  channelData?: unknown,
): { auth: string; channel_data?: string } {
  if (channelData === undefined) return { auth: authFor(app, `${socketId}:${channel}`) };
  const data = typeof channelData === 'string' ? channelData : JSON.stringify(channelData);
  return { auth: authFor(app, `${socketId}:${channel}:${data}`), channel_data: data };
}

/** The answer of a user authentication endpoint. */
export function userAuth(
  app: Credentials,
  socketId: string,
  userData: unknown,
): { auth: string; user_data: string } {
  const data = typeof userData === 'string' ? userData : JSON.stringify(userData);
  return { auth: authFor(app, `${socketId}::user::${data}`), user_data: data };
}
