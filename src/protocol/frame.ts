import type { Position } from '../ports/history.js';
import type { ProtocolError } from './codes.js';
import { positionText } from './position.js';
import { textMessage } from './text-message.js';

/** One message to clients, built once and shared by all of its receivers. Protocol section 3.2. */
export class Frame {
  #wire: Buffer | undefined;

  /** The frame's JSON text. */
  constructor(readonly text: string) {}

  /** The frame as a WebSocket message, encoded on the first read only. */
  get wire(): Buffer {
    return (this.#wire ??= textMessage(this.text));
  }
}

/**
 * Builds a frame around data that is JSON text already. The data is sent as a JSON *string* (double encoding), because
 * SDKs other than `pusher-js` require it.
 */
export function frame(
  event: string,
  fields: { channel?: string; data?: string | undefined; userId?: string },
): Frame {
  let text = `{"event":${JSON.stringify(event)}`;
  if (fields.channel !== undefined) text += `,"channel":${JSON.stringify(fields.channel)}`;
  if (fields.data !== undefined) text += `,"data":${JSON.stringify(fields.data)}`;
  if (fields.userId !== undefined) text += `,"user_id":${JSON.stringify(fields.userId)}`;
  return new Frame(text + '}');
}

/** Builds the frames of one event to any number of channels. The data is encoded once for all of them. */
export function framesOf(event: string, data: string | undefined): (channel: string) => Frame {
  const before = `{"event":${JSON.stringify(event)},"channel":`;
  const after = data === undefined ? '}' : `,"data":${JSON.stringify(data)}}`;
  return (channel) => new Frame(before + JSON.stringify(channel) + after);
}

/** The first frame of every accepted connection. `activityTimeoutS` must be positive, or `pusher-js` throws. */
export function connectionEstablished(socketId: string, activityTimeoutS: number): Frame {
  return frame('pusher:connection_established', {
    data: JSON.stringify({ socket_id: socketId, activity_timeout: activityTimeoutS }),
  });
}

/** Builds `pusher:error`. Its data is an object, as Pusher documents it; `pusher-js` also reads text. */
export function errorFrame(error: ProtocolError): Frame {
  return new Frame(
    JSON.stringify({ event: 'pusher:error', data: { code: error.code, message: error.message } }),
  );
}

/** Answers a subscription; presence channels pass their roster as JSON. */
export function subscriptionSucceeded(channel: string, data = '{}'): Frame {
  return frame('pusher_internal:subscription_succeeded', { channel, data });
}

/** Tells a client that the application has ended its subscription. The protocol has this event for a refused one. */
export function removedFrom(channel: string): Frame {
  const data = { type: 'Removed', error: 'Removed from the channel by the application', status: 403 };
  return frame('pusher:subscription_error', { channel, data: JSON.stringify(data) });
}

/**
 * Tells a subscriber from which position on it gets every event of the channel. Clients that do not know the frame ignore it: names
 * that begin with `pusher_internal:` are handed to nobody. docs/history.md#the-wire
 *
 * @param follows a client at this position has missed nothing before `position`
 */
export function liveFrame(channel: string, position: Position, follows?: Position): Frame {
  const data = {
    position: positionText(position),
    ...(follows !== undefined && { follows: positionText(follows) }),
  };
  return frame('pusher_internal:live', { channel, data: JSON.stringify(data) });
}

/** Asks a silent client whether it is still there. */
export const PING = frame('pusher:ping', { data: '{}' });

/** Answers a client's `pusher:ping`. */
export const PONG = frame('pusher:pong', { data: '{}' });
