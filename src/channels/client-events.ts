import type { ChannelEvent } from '../ports/channel-events.js';
import type { ClientMessage } from '../ports/client-messages.js';
import { LIMITS } from '../ports/limits.js';
import type { SocketConfig } from '../ports/socket-config.js';
import type { User } from '../ports/user.js';
import type { ClientFrame } from '../protocol/client-frame.js';
import { CODES, ProtocolError } from '../protocol/codes.js';
import { CLIENT_EVENT_PREFIX } from '../protocol/event-name.js';
import type { Session } from './session.js';

/** A client event, as the listeners of channel events receive it. */
export type ClientEvent = Extract<ChannelEvent, { name: 'client_event' }>;

/**
 * Reads an event that a client sends to a channel's other subscribers. Protocol section 3.7: it is built anew, and its
 * `user_id` comes from the sender's subscription, never from the sender's frame.
 *
 * @throws ProtocolError when the event is refused; the connection stays open
 */
export function clientEvent(
  { gateway: { clientEvents: allowed, limits }, maxEventBytes }: SocketConfig,
  session: Session,
  event: ClientFrame,
  now: number,
): ClientEvent {
  const name = event.channel ?? '';
  const subscription = session.subscriptions.get(name);
  if (allowed === false || (allowed !== true && !allowed.includes(name))) {
    throw refused('client events are not enabled (SOCKET_CLIENT_EVENTS)');
  }
  if (subscription?.channel.subscribers.has(session.connection) !== true) {
    throw refused(`not subscribed to "${name.slice(0, LIMITS.channelNameLength)}"`);
  }
  const { channel, user } = subscription;
  if (channel.type.access !== 'private' && channel.type.access !== 'presence') {
    throw refused('only private and presence channels carry them');
  }
  if (event.event.length > LIMITS.eventNameLength) {
    throw refused(`its name is over ${LIMITS.eventNameLength} characters`);
  }
  const data = asText(event.data);
  if (data !== undefined && maxEventBytes !== 0 && Buffer.byteLength(data) > maxEventBytes) {
    throw refused(`its data is over ${maxEventBytes} bytes`);
  }
  if (!session.clientEventRate.allows(limits.clientEventsPerSecond, now)) {
    throw refused(`more than ${limits.clientEventsPerSecond} in a second`, CODES.RATE_EXCEEDED);
  }
  return eventOf(session, { channel: name, event: event.event, data, user });
}

/** A message that its handler passes on: the client event that it would be without a handler, whatever the settings allow clients. */
export function passedOn(session: Session, { event, channel = '', payload }: ClientMessage): ClientEvent {
  const user = session.subscriptions.get(channel)?.user;
  return eventOf(session, { channel, event: CLIENT_EVENT_PREFIX + event, data: asText(payload), user });
}

function eventOf(
  { id }: Session,
  event: {
    readonly channel: string;
    readonly event: string;
    readonly data: string | undefined;
    readonly user: User | undefined;
  },
): ClientEvent {
  const { data, user } = event;
  return {
    name: 'client_event',
    channel: event.channel,
    event: event.event,
    ...(data !== undefined && { data }),
    socket_id: id,
    ...(user !== undefined && { user_id: user.id }),
  };
}

function refused(reason: string, code: number | null = null): ProtocolError {
  return new ProtocolError(code, `Client event refused: ${reason}`);
}

/** The data as text: unchanged when it is text already, otherwise as JSON. */
function asText(data: unknown): string | undefined {
  if (typeof data === 'string' || data === undefined) return data;
  try {
    return JSON.stringify(data);
  } catch {
    // JSON.stringify is recursive, and throws at a depth that JSON.parse has accepted.
    throw refused('its data is nested too deeply');
  }
}
