import type { ChannelEngine } from '../../../channels/channel-engine.js';
import type { RequestTarget } from './request-target.js';

/** A request that was believed, and what it is answered from. */
export interface ApiRequest extends Pick<RequestTarget, 'resource' | 'parameters'> {
  readonly engine: ChannelEngine;
  /** The engine's time, in milliseconds. */
  readonly now: number;
  /** The most bytes that one event's data may have; 0 allows any number. */
  readonly eventBytes: number;
  readonly body: Buffer;
}
