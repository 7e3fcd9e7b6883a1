/** Counts by reason. The reasons are few and known: never what a client wrote. */
export class Tally {
  readonly #counts: Map<string, number>;

  /** @param known reasons that are there before they are counted: from 0 on, an increase is seen */
  constructor(...known: readonly string[]) {
    this.#counts = new Map(known.map((reason) => [reason, 0]));
  }

  add(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  /** How often each reason was counted. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }
}

/** What has happened to the connections of this process since it started: plain numbers, whether anybody reads them or not. */
export class ConnectionCounters {
  opened = 0;
  /** Client events that were passed on. */
  clientEvents = 0;
  /** Connections that were not let in, by HTTP status, or by the close code of a handshake that is wrong. */
  readonly refused = new Tally('403', '503');
  /** Connections that ended, by the close code that this side sent; or `client`, `lost`, `malformed`, `slow_reader`. */
  readonly closed = new Tally('client', 'lost', 'malformed', 'slow_reader');
  /** Messages of clients that were answered with `pusher:error`: `malformed`, or by the code; `none` where it has none. */
  readonly messagesRefused = new Tally('malformed');
}
