import { createHash } from 'node:crypto';
import { LIMITS } from '../ports/limits.js';
import { notAText } from './not-a-text.js';

/**
 * The most characters of an id on the wire. Hosted Pusher allows a user's id this many on presence channels, and with the
 * prefix of a user's channel it stays within the documented 164 characters of a channel's name.
 */
const WIRE_LENGTH = 128;

/** An escaped id begins with it. */
const MARK = '=';
/** The beginning of an id that is too long to be escaped, and is a digest. The text of an escaped id never begins with the mark. */
const DIGEST_MARK = '==';

/** An id that is its own wire form. Hosted Pusher refuses other characters: "Invalid user id: e:2 (invalid characters)". */
const PLAIN = /^[A-Za-z0-9_\-@,.;][A-Za-z0-9_\-=@,.;]*$/;
const ESCAPED = /^==?[A-Za-z0-9_-]+$/;

/** Half of a character outside the basic plane. UTF-8 cannot carry it. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * An id as text. Pusher's own examples have numbers for ids. A number beyond the safe integers has lost digits, and could be
 * another id, so it stays what it is, and is refused.
 */
export function idText(id: unknown): unknown {
  return Number.isSafeInteger(id) ? String(id) : id;
}

/** Says what is wrong with a member's id, or nothing. Any text of 1 to `LIMITS.memberIdLength` characters is one. */
export function memberIdProblem(id: unknown): string | undefined {
  if (typeof id !== 'string') return notAText(id);
  if (id === '') return 'it is empty';
  // Characters have one or two code units. They are counted only where it depends on that, and not in a text of any length.
  const isUnclear = id.length > LIMITS.memberIdLength && id.length <= 4 * LIMITS.memberIdLength;
  const length = isUnclear ? Array.from(id).length : id.length;
  if (length > LIMITS.memberIdLength)
    return `it has ${length} characters, ${LIMITS.memberIdLength} are allowed`;
  if (LONE_SURROGATE.test(id)) return 'it contains a lone surrogate, which is half of a character';
  return undefined;
}

/**
 * A member's id as it goes over the wire wherever it is a part of a channel's name or a path: in the signin, in the name of the
 * user's channel, and in the HTTP API. It has the characters of a channel's name. No two ids have the same form.
 *
 * - An id of up to 128 of these characters is its own form, unless it begins with `=`, or is `.` or `..`.
 * - Any other id is `=` and the base64url of its UTF-8, if that has up to 128 characters.
 * - Any longer id is `==` and the base64url of the SHA-256 of its UTF-8.
 */
export function wireMemberId(id: string): string {
  // `.` and `..` would be paths of their own.
  if (id.length <= WIRE_LENGTH && PLAIN.test(id) && id !== '.' && id !== '..') return id;
  const escaped = MARK + Buffer.from(id).toString('base64url');
  if (escaped.length <= WIRE_LENGTH) return escaped;
  return DIGEST_MARK + createHash('sha256').update(id).digest('base64url');
}

/** Whether a text begins like an escaped id. */
export function hasEscapeMark(text: string): boolean {
  return text.startsWith(MARK);
}

/**
 * The wire form of an id that a backend sends with the HTTP API: the id itself, or its wire form. A text with the mark of an
 * escaped id is one.
 *
 * @returns `undefined` where it is neither; {@link backendIdProblem} says why
 */
export function wireIdOfBackend(text: string): string | undefined {
  if (hasEscapeMark(text)) return text.length <= WIRE_LENGTH && ESCAPED.test(text) ? text : undefined;
  return memberIdProblem(text) === undefined ? wireMemberId(text) : undefined;
}

/** Says what is wrong with an id that a backend sends with the HTTP API. */
export function backendIdProblem(text: string): string {
  return hasEscapeMark(text)
    ? 'it begins with "=", which marks an escaped id, and it is not one'
    : (memberIdProblem(text) ?? '');
}
