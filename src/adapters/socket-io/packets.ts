import type { Message } from '../../channels/batch.js';
import { isUserChannel } from '../../protocol/channel-name.js';
import { isSocketIoName } from '../../protocol/event-name.js';
import { type Frame, PING } from '../../protocol/frame.js';
import { textMessage } from '../../protocol/text-message.js';

/** The type of an engine.io packet that carries a message, in front of its text. */
const MESSAGE = '4';
/** The type of a Socket.IO packet that is an event. */
const EVENT = '2';

/** Stands between the messages of one batch where they are one text, as in the answer to a poll. */
export const SEPARATOR = `\u001e${MESSAGE}`;

/** A frame as the engine has written it. */
interface EngineFrame {
  readonly event: string;
  readonly channel?: string;
  /** JSON text, or any other text that another server has published. */
  readonly data?: string;
  readonly user_id?: string;
}

/** One event to Socket.IO clients, built once and shared by all of its receivers. */
export class Packet implements Message {
  #wire: Buffer | undefined;

  constructor(
    /** The name of the event, as clients get it. */
    readonly event: string,
    /** Absent for events of a member's own, and of the connection. */
    readonly channel: string | undefined,
    /** The payload as JSON text; `undefined` where there is none. */
    readonly payload: string | undefined,
    /** The packet as it is in a payload of engine.io, without the type of that packet. */
    readonly text: string,
  ) {}

  /** The packet as a WebSocket message, encoded on the first read only. */
  get wire(): Buffer {
    return (this.#wire ??= textMessage(MESSAGE + this.text));
  }
}

/** Turns frames into packets. All receivers of an event get the same frame one after the other, so the last one is remembered. */
export class Packets {
  #frame: Frame | undefined;
  #packet: Packet | undefined;

  /** @returns `undefined` for a frame that Socket.IO clients do not get */
  of(frame: Frame): Packet | undefined {
    if (frame === this.#frame) return this.#packet;
    this.#frame = frame;
    return (this.#packet = packetOf(frame));
  }
}

function packetOf(frame: Frame): Packet | undefined {
  // engine.io has a heartbeat of its own.
  if (frame === PING) return undefined;
  // The engine has just built this text, so its shape is known.
  const { event: name, channel, data, user_id: userId } = JSON.parse(frame.text) as EngineFrame;
  if (isSocketIoName(name)) return undefined;
  const event = name.replace(/^pusher_internal:/, 'pusher:');
  const payload = data === undefined ? undefined : jsonOf(data);
  const ofChannel = channel === undefined || isUserChannel(channel) ? undefined : channel;
  let text = `${EVENT}[${JSON.stringify(event)}`;
  if (ofChannel !== undefined) text += `,${payload ?? 'null'},${JSON.stringify(ofChannel)}`;
  else if (payload !== undefined) text += `,${payload}`;
  if (ofChannel !== undefined && userId !== undefined) text += `,${JSON.stringify(userId)}`;
  return new Packet(event, ofChannel, payload, `${text}]`);
}

/** The data itself where it is JSON text, as this package sends it; otherwise the text as JSON. */
function jsonOf(data: string): string {
  try {
    JSON.parse(data);
    return data;
  } catch {
    return JSON.stringify(data);
  }
}
