import type { SocketEvents } from './socket-events.js';

/** The names of the events that may be sent: the keys of `SocketEvents`, or any text while the application declares none. */
// eslint-disable-next-line @typescript-eslint/no-redundant-type-constituents -- it is not redundant while nothing is declared
export type EventName = keyof SocketEvents extends never ? string : keyof SocketEvents & string;

/** The payload that belongs to an event's name. */
export type PayloadOf<E extends EventName> = E extends keyof SocketEvents ? SocketEvents[E] : unknown;
