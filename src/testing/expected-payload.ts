import type { EventName, PayloadOf } from '../ports/event-map.js';

/** The name of an event that can reach a browser: one of the application's `SocketEvents`, or a client event. */
export type ReceivableEvent = EventName | `client-${string}`;

/** A payload to compare with, which may contain the runner's own matchers, or a predicate of the payload. */
export type ExpectedPayload<E extends ReceivableEvent> =
  Comparable<PayloadOfReceivable<E>> | ((payload: PayloadOfReceivable<E>) => boolean);

type PayloadOfReceivable<E extends ReceivableEvent> = E extends EventName ? PayloadOf<E> : unknown;

/** The value, or its JSON form, or a matcher like `expect.any(String)`; an object may have either in each of its fields. */
type Comparable<T> =
  | T
  | AsymmetricMatcher
  | (T extends { toJSON(): infer Json }
      ? Json
      : T extends object
        ? { [K in keyof T]: Comparable<T[K]> }
        : never);

/** The matchers of the test runners: `expect.any(String)`, `expect.objectContaining({ … })`. */
interface AsymmetricMatcher {
  asymmetricMatch(other: unknown, ...rest: never[]): boolean;
}
