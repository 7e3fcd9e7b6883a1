import type { SocketEvents as BrowserEvents } from './browser-events.js';
import type { SocketEvents as BackendEvents } from './socket-events.js';

/**
 * All declared events. Each entry has an interface of its own, because the compiler loses one of two declarations that reach the
 * same interface by different entries.
 */
type DeclaredEvents = BackendEvents & BrowserEvents;

/** The names of the events that may be sent: the keys of `SocketEvents`, or any text while the application declares none. */
// eslint-disable-next-line @typescript-eslint/no-redundant-type-constituents -- it is not redundant while nothing is declared
export type EventName = keyof DeclaredEvents extends never ? string : keyof DeclaredEvents & string;

/** The payload that belongs to an event's name. */
export type PayloadOf<E extends EventName> = E extends keyof DeclaredEvents ? DeclaredEvents[E] : unknown;
