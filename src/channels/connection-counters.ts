/** Counts by reason. There are few reasons, and clients cannot invent one. */
export class ReasonCounter {
  readonly #counts: Map<string, number>;

  /** @param known reasons that start at 0 rather than absent, so that a monitor sees their first increase */
  constructor(...known: readonly string[]) {
    this.#counts = new Map(known.map((reason) => [reason, 0]));
  }

  add(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  /** The count of each reason. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }
}

/** Counts the events in the life of connections since the process started. Plain numbers: counting costs almost nothing. */
export class ConnectionCounters {
  opened = 0;
  /** Client events that were sent to the channel's other subscribers. */
  clientEvents = 0;
  /** Refused connections, by HTTP status, or by the close code after a wrong handshake. */
  readonly refused = new ReasonCounter('403', '503');
  /** Ended connections, by the close code that this side sent; or `client`, `lost`, `malformed`, `slow_reader`. */
  readonly closed = new ReasonCounter('client', 'lost', 'malformed', 'slow_reader');
  /** Clients' messages that were answered with `pusher:error`: `malformed`, or the error's code, or `none` without a code. */
  readonly messagesRefused = new ReasonCounter('malformed');
}
