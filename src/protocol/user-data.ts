import { isRecord, parseJsonObject } from './client-frame.js';
import { hasEscapeMark, idText, memberIdProblem, wireMemberId } from './member-id.js';

/** The user of a signin, with the application's own ids. */
export interface UserData {
  readonly id: string;
  readonly info: unknown;
  /** The ids of the users to watch, each once. */
  readonly watchlist: readonly string[];
  /** The text for the answer: the same, but with the wire form of the id. `pusher-js` makes its user's channel from that. */
  readonly answer: string;
}

/**
 * Writes the `user_data` of a signin. Its ids have their wire form, because hosted Pusher and `pusher-js` make the name of the
 * user's channel from them. Where that is another text than the id, `member` has the ids themselves.
 *
 * @param watchlist @default undefined, the field is absent
 */
export function writeUserData(id: string, info: unknown, watchlist?: readonly string[]): string {
  const wire = { id: wireMemberId(id), watchlist: watchlist?.map(wireMemberId) };
  const isEscaped =
    wire.id !== id || wire.watchlist?.some((wireId, index) => wireId !== watchlist?.[index]) === true;
  return JSON.stringify({
    id: wire.id,
    user_info: info,
    watchlist: wire.watchlist,
    ...(isEscaped && { member: { id, watchlist } }),
  });
}

/**
 * Reads the `user_data` of a signin that was signed here, or by another backend. That one sends ids as they are, and need not
 * know of any escape.
 *
 * @returns the user, or a sentence that says what is wrong
 */
export function readUserData(userData: string): UserData | string {
  const data = parseJsonObject(userData);
  if (data === undefined) return 'it is not a JSON object';
  const { user_info: info, member } = data;
  const id = idText(data['id']);
  const isEscaped = isRecord(member) && typeof member['id'] === 'string' && wireMemberId(member['id']) === id;
  const { id: memberId, watchlist } = isEscaped ? member : { ...data, id };
  const problem = memberIdProblem(memberId);
  if (typeof memberId !== 'string' || problem !== undefined) return `"id": ${problem ?? ''}`;
  // Otherwise somebody who may choose an id elsewhere could choose the escaped one of another user.
  if (!isEscaped && hasEscapeMark(memberId))
    return '"id": it begins with "=", and "member" has not the id that it is of';
  const watched = Array.isArray(watchlist)
    ? watchlist.filter((entry): entry is string => memberIdProblem(entry) === undefined)
    : [];
  const wireId = wireMemberId(memberId);
  const answer = wireId === id ? userData : written({ ...data, id: wireId });
  if (answer === undefined) return 'it is nested too deeply';
  return { id: memberId, info, watchlist: [...new Set(watched)], answer };
}

/** @returns `undefined` for data that nest more deeply than `JSON.stringify` can follow; `JSON.parse` can follow them further */
function written(data: object): string | undefined {
  try {
    return JSON.stringify(data);
  } catch {
    return undefined;
  }
}
