/** A place in a channel's history: the events before it are known. Its text is `<epoch>.<offset>` (docs/history.md#the-wire). */
export interface Position {
  /** Names one log of one channel. A log that begins anew has another epoch. */
  readonly epoch: string;
  /** How many events the log has had so far, in this epoch and in those that it goes on from. */
  readonly offset: number;
}

/** An event to keep. */
export interface HistoryEvent {
  readonly event: string;
  /** The data's JSON text, as it is sent: encrypted on encrypted channels; `undefined` when there is none. */
  readonly data: string | undefined;
  /** The connection that does not get the event; `undefined` when all get it. */
  readonly exceptSocketId: string | undefined;
}

/** An event that a log has. */
export interface KeptEvent extends HistoryEvent {
  /** The position after it. */
  readonly position: Position;
  /** When it was kept, in milliseconds since the epoch of time. */
  readonly at: number;
}

/**
 * Why a log cannot tell what came after a position. `trimmed`: it does not reach back so far. `restarted`: it is another log, because
 * the process or Redis has lost the one before.
 */
export type LogGap = 'trimmed' | 'restarted';

/** The events after a position, without a hole; or why they are not known. */
export type Missed =
  | {
      readonly gap?: undefined;
      /** The oldest first. */
      readonly events: readonly KeptEvent[];
      /** The position after the last of them; the given one where there is none. */
      readonly position: Position;
      /** Whether `position` was the live one. Otherwise there are more. */
      readonly isComplete: boolean;
    }
  | {
      readonly gap: LogGap;
      /** The live position. */
      readonly position: Position;
      /** Where the present log began, after `restarted`: everything that it has had is after it. */
      readonly start?: Position;
    };

/** The questions to the logs of channels. Every call rejects when the log cannot be reached. */
export interface HistoryReader {
  /** The live position of a channel: after its last event. */
  head(channel: string): Promise<Position>;
  /**
   * The events after a position.
   *
   * @param limit the most events of the answer; 0 is without a limit
   */
  since(channel: string, position: Position, limit: number): Promise<Missed>;
  /**
   * The last events before a position, the oldest first.
   *
   * @param before `undefined` for the live position
   */
  latest(channel: string, before: Position | undefined, limit: number): Promise<readonly KeptEvent[]>;
}

/** Keys of relays that were made already, on channels without history. */
export interface RelayClaims {
  /**
   * Claims a key for a recipient.
   *
   * @returns whether nobody had claimed it within the window. Rejects when that cannot be known
   */
  claim(recipient: string, key: string): Promise<boolean>;
  /** Gives a claim back, because the relay was not made. */
  release(recipient: string, key: string): Promise<void>;
}

/** The logs of channels, and the claims of relays: in the memory of a process, or in Redis. */
export type HistoryStore = HistoryReader & RelayClaims;

/** The logs of channels for an adapter without a channel engine. */
export interface EventLog extends HistoryStore {
  /** The events that this process keeps, counted. */
  readonly statistics: HistoryStatistics;
  /** Connects, until {@link close}. Before, a connection is there only while a call needs it. */
  open(): void;
  /**
   * Keeps an event, unless one with the same key was kept within the window.
   *
   * @returns the position after it, of a repeated one that of the first. Rejects when the log cannot be reached
   */
  keep(channel: string, event: HistoryEvent, key: string | undefined): Promise<Position>;
  close(): void;
}

/** The events that the logs of this process have, and have dropped since it started. */
export interface HistoryStatistics {
  /** Events that are kept by this process; on Redis, those that it has put there within the age. */
  readonly events: number;
  readonly bytes: number;
  /** Events that were dropped for a bound of events or bytes, before their age was over. */
  readonly dropped: number;
}
