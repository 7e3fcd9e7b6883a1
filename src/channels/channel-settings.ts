/** What a channel has to know of the configuration. */
export interface ChannelSettings {
  /** Milliseconds before a lost subscriber counts as gone; 0 counts it at once. */
  readonly presenceGraceMs: number;
  /** Distinct members of one presence channel; 0 allows any number. */
  readonly presenceMembers: number;
}
