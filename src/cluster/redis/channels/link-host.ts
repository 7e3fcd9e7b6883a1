import type { Clock } from '../../../ports/clock.js';
import type { ClusterNode } from '../../../ports/cluster.js';
import type { OccupancyReply, OccupancyRequest } from '../scripts/occupancy-script.js';

/** What a link needs of its cluster. */
export interface LinkHost {
  readonly clock: Clock;
  /** Whom to tell what happened. */
  readonly self: ClusterNode;
  readonly isUp: boolean;
  /** The name under which Redis has what this node holds. */
  readonly leaseName: string;
  readonly graceMs: number;
  /** The most members of a presence channel; 0 allows any number. */
  readonly maximumMembers: number;
  /** Whether Redis has lost its data and other nodes may not have told it again: what is new has to wait. */
  readonly isHoldingNews: boolean;
  /** Takes a step when it is its turn: not everything can be done at once. */
  inTurn(step: () => Promise<void>): Promise<void>;
  /** Runs the script for a channel. Rejects when Redis is not there. */
  occupy(channel: string, request: ChannelRequest): Promise<OccupancyReply>;
  /** Hears of the channel from now on, and writes down that this node has a part in it. */
  register(channel: string): Promise<void>;
  /** Hears of the channel no more. */
  unsubscribe(channel: string): Promise<void>;
  /** Strikes the channel out of what this node has a part in. */
  deregister(channel: string): Promise<void>;
  /** Forgets the link. */
  forget(channel: string): void;
  /** A user came online or went offline, as the user's own channel was occupied or vacated. */
  statusChanged(channel: string, version: number, isOnline: boolean): void;
  /** Redis knows nothing of this node on a channel where it should. */
  doubt(): Promise<void>;
  /** Something failed that nobody waits for. */
  failed(channel: string, error: unknown): void;
}

/** A request without what is the same for all of a node's channels. */
export type ChannelRequest = Omit<
  OccupancyRequest,
  'node' | 'max' | 'counts' | 'sharded' | 'graceMs' | 'store'
>;
