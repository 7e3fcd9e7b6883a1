import type { ChannelEvent } from '../ports/channel-events.js';
import { LIMITS } from '../ports/limits.js';
import type { GatewayConfig } from '../ports/socket-config.js';
import type { ClientFrame } from '../protocol/client-frame.js';
import { CODES, ProtocolError } from '../protocol/codes.js';
import { frame } from '../protocol/frame.js';
import type { Session } from './session.js';

/**
 * Passes a client event on to the channel's other subscribers. Protocol section 3.7: the frame is built anew, and the
 * `user_id` comes from the sender's own subscription, never from what it sent.
 *
 * @returns what happened, for whoever listens in process
 * @throws ProtocolError when the event is refused; the connection goes on
 */
export function passOnClientEvent(
  { clientEvents: allowed, limits }: GatewayConfig,
  session: Session,
  event: ClientFrame,
  now: number,
): ChannelEvent {
  const name = event.channel ?? '';
  const channel = session.subscriptions.get(name);
  if (allowed === false || (allowed !== true && !allowed.includes(name))) {
    throw refused('client events are not enabled (SOCKET_CLIENT_EVENTS)');
  }
  if (channel === undefined) throw refused(`not subscribed to "${name.slice(0, LIMITS.channelNameLength)}"`);
  if (channel.type.access !== 'private' && channel.type.access !== 'presence') {
    throw refused('only private and presence channels carry them');
  }
  if (event.event.length > LIMITS.eventNameLength) {
    throw refused(`its name is over ${LIMITS.eventNameLength} characters`);
  }
  const data = asText(event.data);
  if (data !== undefined && limits.eventBytes !== 0 && Buffer.byteLength(data) > limits.eventBytes) {
    throw refused(`its data is over ${limits.eventBytes} bytes`);
  }
  if (!session.clientEventRate.allows(limits.clientEventsPerSecond, now)) {
    throw refused(`more than ${limits.clientEventsPerSecond} in a second`, CODES.RATE_EXCEEDED);
  }
  const userId = channel.roster?.userOf(session);
  channel.deliver(
    frame(event.event, { channel: name, data, ...(userId !== undefined && { userId }) }),
    session.id,
  );
  return {
    name: 'client_event',
    channel: name,
    event: event.event,
    ...(data !== undefined && { data }),
    socket_id: session.id,
    ...(userId !== undefined && { user_id: userId }),
  };
}

function refused(reason: string, code: number | null = null): ProtocolError {
  return new ProtocolError(code, `Client event refused: ${reason}`);
}

/** The data's text: as it came, or as JSON. */
function asText(data: unknown): string | undefined {
  if (typeof data === 'string' || data === undefined) return data;
  try {
    return JSON.stringify(data);
  } catch {
    // JSON.parse reads any depth that a frame can have; JSON.stringify is recursive and gives up.
    throw refused('its data is nested too deeply');
  }
}
