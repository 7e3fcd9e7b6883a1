import { LIMITS } from '../ports/limits.js';
import type { AppCredentials } from '../ports/socket-config.js';
import type { User } from '../ports/user.js';
import { channelNameProblem, channelType, userChannel } from '../protocol/channel-name.js';
import { parseJsonObject } from '../protocol/client-frame.js';
import { CODES, ProtocolError } from '../protocol/codes.js';
import { idText, memberIdProblem } from '../protocol/member-id.js';
import { channelStringToSign, isSignedBy, userStringToSign } from '../protocol/signatures.js';
import { readUserData } from '../protocol/user-data.js';
import type { Session } from './session.js';

/** A request to subscribe, as the client sent it. Absent texts are empty or `undefined`. */
export interface SubscribeRequest {
  readonly channel: string;
  readonly auth: string;
  readonly channelData: string | undefined;
}

/**
 * Decides whether a session may join a channel. Protocol sections 3.5, 3.6 and 3.8.
 *
 * @returns the member that the session joins as, on presence channels
 * @throws ProtocolError when it may not; the connection stays open
 */
export function admitToChannel(
  app: AppCredentials,
  session: Session,
  request: SubscribeRequest,
): User | undefined {
  const { channel, auth, channelData } = request;
  const type = channelType(channel);
  if (type.access === 'user') {
    if (session.user !== undefined && channel === userChannel(session.user.id)) return undefined;
    throw refused('The connection is not signed in as the user of this channel');
  }
  const problem = channelNameProblem(channel);
  if (problem !== undefined) throw new ProtocolError(null, `Invalid channel name: ${problem}`);
  if (type.access === 'public') return undefined;
  if (!isSignedBy(app, auth, channelStringToSign(session.id, channel, channelData))) {
    throw refused(`Invalid signature for the subscription to ${channel}`);
  }
  return type.access === 'presence' ? presenceMember(session, channelData) : undefined;
}

/** An accepted signin: the user, and the users to watch for the client. */
export interface Signin {
  readonly user: User;
  /** The ids of the users to watch, at most `LIMITS.watchlist`. */
  readonly watchlist: readonly string[];
  /** Whether the client asked for more than that. */
  readonly isWatchlistCut: boolean;
  /** The `user_data` to answer with. */
  readonly userData: string;
}

/**
 * Checks a signin.
 *
 * @throws ProtocolError when it is refused; the connection stays open
 */
export function admitUser(app: AppCredentials, session: Session, auth: string, userData: string): Signin {
  if (!isSignedBy(app, auth, userStringToSign(session.id, userData))) {
    throw refused('Invalid signature for the signin');
  }
  const data = readUserData(userData);
  if (typeof data === 'string') throw refused(`Invalid user_data: ${data}`);
  const { id, info, watchlist, answer } = data;
  if (session.user !== undefined && session.user.id !== id) {
    throw refused('The connection is signed in as another user already');
  }
  return {
    user: { id, info },
    watchlist: watchlist.slice(0, LIMITS.watchlist),
    isWatchlistCut: watchlist.length > LIMITS.watchlist,
    userData: answer,
  };
}

function presenceMember(session: Session, channelData: string | undefined): User {
  if (channelData === undefined) {
    if (session.user === undefined) {
      throw refused('A presence channel needs channel_data, or a signin before the subscription');
    }
    checkPresenceSize(presenceData(session.user));
    return session.user;
  }
  checkPresenceSize(channelData);
  const data = parseJsonObject(channelData);
  const userId = idText(data?.['user_id']);
  const problem = memberIdProblem(userId);
  if (data === undefined || typeof userId !== 'string' || problem !== undefined) {
    throw refused(`Invalid channel_data: "user_id": ${problem ?? ''}`);
  }
  return { id: userId, info: data['user_info'] };
}

/** The channel_data of a user who has signed in and sends none. */
function presenceData({ id, info }: User): string {
  try {
    return JSON.stringify({ user_id: id, user_info: info });
  } catch {
    // JSON.stringify is recursive, and throws at a depth that JSON.parse has accepted.
    throw refused('Invalid user_data: "user_info" is nested too deeply');
  }
}

function checkPresenceSize(data: string): void {
  if (Buffer.byteLength(data) > LIMITS.presenceDataBytes) {
    throw refused(`Invalid channel_data: more than ${LIMITS.presenceDataBytes} bytes`);
  }
}

function refused(message: string): ProtocolError {
  return new ProtocolError(CODES.UNAUTHORIZED, message);
}
