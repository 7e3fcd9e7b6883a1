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
 * @throws ProtocolError when the event is refused; the connection goes on
 */
export function passOnClientEvent(
  allowed: GatewayConfig['clientEvents'],
  session: Session,
  event: ClientFrame,
  now: number,
): void {
  const name = event.channel ?? '';
  const channel = session.subscriptions.get(name);
  if (allowed === false || (allowed !== true && !allowed.includes(name))) {
    throw new ProtocolError(null, 'Client events are not enabled (SOCKET_CLIENT_EVENTS)');
  }
  if (channel === undefined) {
    throw new ProtocolError(
      null,
      `Client event refused: not subscribed to "${name.slice(0, LIMITS.channelNameLength)}"`,
    );
  }
  if (channel.type.access !== 'private' && channel.type.access !== 'presence') {
    throw new ProtocolError(null, 'Client event refused: only private and presence channels carry them');
  }
  if (event.event.length > LIMITS.eventNameLength) {
    throw new ProtocolError(
      null,
      `Client event refused: its name is over ${LIMITS.eventNameLength} characters`,
    );
  }
  const data = typeof event.data === 'string' ? event.data : stringify(event.data);
  if (data !== undefined && Buffer.byteLength(data) > LIMITS.payloadBytes) {
    throw new ProtocolError(null, `Client event refused: its data is over ${LIMITS.payloadBytes} bytes`);
  }
  countClientEvent(session, now);
  const userId = channel.roster?.userOf(session);
  channel.deliver(
    frame(event.event, { channel: name, data, ...(userId !== undefined && { userId }) }),
    session.id,
  );
}

/** Allows so many client events in any second, not in any calendar second. */
function countClientEvent({ clientEventTimes: times }: Session, now: number): void {
  if (times.length === LIMITS.clientEventsPerSecond) {
    const oldest = times[0] ?? now;
    if (now - oldest < 1_000) {
      throw new ProtocolError(
        CODES.CLIENT_EVENT_RATE,
        `Client event refused: more than ${LIMITS.clientEventsPerSecond} in a second`,
      );
    }
    times.shift();
  }
  times.push(now);
}

/** `JSON.stringify`, whose type hides that what is absent stays absent. */
function stringify(value: unknown): string | undefined {
  return JSON.stringify(value);
}
