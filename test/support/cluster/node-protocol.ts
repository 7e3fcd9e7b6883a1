import type { ChannelMember, ProviderHealth, RelayOptions } from 'nestjs-switchboard';
import type { ChannelEvent } from '../../../src/ports/channel-events.js';

// The messages between a test and a node's process (./node-process.mjs), as JSON.

/** A receipt, and how long the caller waited for it. */
export interface TimedReceipt {
  readonly status: 'sent' | 'queued' | 'failed';
  readonly ms: number;
  readonly code?: string;
}

/** The commands that a node carries out. */
export interface NodeCommands {
  relayToMember(memberId: string, event: string, payload?: unknown, options?: RelayOptions): TimedReceipt;
  relayToMembers(memberIds: string[], event: string, payload?: unknown, options?: RelayOptions): TimedReceipt;
  relayToChannel(channel: string, event: string, payload?: unknown, options?: RelayOptions): TimedReceipt;
  broadcast(event: string, payload?: unknown, options?: RelayOptions): TimedReceipt;
  disconnectMember(memberId: string): TimedReceipt;
  /** In the order of their names. */
  onlineMembers(memberIds: readonly string[]): string[];
  /** In the order of their ids. */
  channelMembers(channel: string): ChannelMember[];
  health(): NodeHealth;
  relays(): { sent: number; failed: number; queued: number };
  /** So many relays of so many bytes, without waiting for one before the next. */
  flood(channel: string, count: number, bytes: number): { failed: number; slowestMs: number };
  /** Relays to these members in turn, so many every ten milliseconds, and tells what was accepted. */
  startTraffic(source: string, members: readonly string[], each: number): null;
  stopTraffic(): null;
  heapBytes(): number;
  /** The resources that keep the process alive, by Node's own names. */
  resources(): string[];
  close(): null;
}

/** A relay of the steady traffic that was accepted. Times are on a clock that all processes share. */
export interface Accepted {
  readonly source: string;
  readonly n: number;
  readonly member: string;
  readonly calledAt: number;
  readonly settledAt: number;
}

/** An event that `onChannelEvent` told on a node, and when: on a clock that all processes share. */
export interface Report {
  readonly event: ChannelEvent;
  readonly at: number;
}

/** A node's health, which says more in a cluster than the port's own type does. */
export interface NodeHealth extends Omit<ProviderHealth, 'status'> {
  readonly status: string;
  readonly node?: string;
}

export interface NodeRequest {
  readonly id: number;
  readonly command: keyof NodeCommands;
  readonly args: readonly unknown[];
}

export type NodeMessage =
  | { readonly port: number }
  | ({ readonly heard: ChannelEvent } & Pick<Report, 'at'>)
  | { readonly relayed: readonly Accepted[] }
  /** By socket id, when the node began to send the connection away. */
  | { readonly sentAway: readonly (readonly [string, number])[] }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };
