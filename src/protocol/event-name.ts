import { LIMITS } from '../ports/limits.js';
import { notAText } from './not-a-text.js';

/** The beginning of the events that only clients send to each other. Protocol section 3.7. */
export const CLIENT_EVENT_PREFIX = 'client-';

/** The beginning of the names of this project's own frames. */
export const MESSAGE_FRAME_PREFIX = 'switchboard:';

const RESERVED = ['pusher:', 'pusher_internal:', MESSAGE_FRAME_PREFIX, CLIENT_EVENT_PREFIX];

/** The names that Socket.IO keeps for itself: its clients take an event of such a name for a broken packet, and close. */
const SOCKET_IO_NAMES = new Set([
  'connect',
  'connect_error',
  'disconnect',
  'disconnecting',
  'newListener',
  'removeListener',
]);

/** Whether Socket.IO keeps the name of an event for itself. */
export function isSocketIoName(name: string): boolean {
  return SOCKET_IO_NAMES.has(name);
}

/**
 * Says what is wrong with the name of an event that the application sends, or nothing. `pusher:`, `pusher_internal:` and
 * `switchboard:` belong to the protocol, `client-` to the clients, and six names to Socket.IO.
 */
export function eventNameProblem(name: unknown): string | undefined {
  if (typeof name !== 'string') return notAText(name);
  if (name === '') return 'it is empty';
  if (name.length > LIMITS.eventNameLength) {
    return `it has ${name.length} characters, ${LIMITS.eventNameLength} are allowed`;
  }
  if (isSocketIoName(name)) return 'Socket.IO keeps this name for itself';
  for (const prefix of RESERVED) {
    if (name.startsWith(prefix)) return `names that begin with "${prefix}" are reserved`;
  }
  return undefined;
}
