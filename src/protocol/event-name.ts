import { LIMITS } from '../ports/limits.js';
import { notAText } from './not-a-text.js';

/** The beginning of the events that only clients send to each other. Protocol section 3.7. */
export const CLIENT_EVENT_PREFIX = 'client-';

/** The beginning of the names of this project's own frames. */
export const MESSAGE_FRAME_PREFIX = 'switchboard:';

const RESERVED = ['pusher:', 'pusher_internal:', MESSAGE_FRAME_PREFIX, CLIENT_EVENT_PREFIX];

/**
 * Says what is wrong with the name of an event that the application sends, or nothing. `pusher:`, `pusher_internal:` and
 * `switchboard:` belong to the protocol, `client-` to the clients.
 */
export function eventNameProblem(name: unknown): string | undefined {
  if (typeof name !== 'string') return notAText(name);
  if (name === '') return 'it is empty';
  if (name.length > LIMITS.eventNameLength) {
    return `it has ${name.length} characters, ${LIMITS.eventNameLength} are allowed`;
  }
  for (const prefix of RESERVED) {
    if (name.startsWith(prefix)) return `names that begin with "${prefix}" are reserved`;
  }
  return undefined;
}
