import type { ChannelEngine } from '../../../channels/channel-engine.js';
import type { RequestTarget } from './request-target.js';

/** A request with a valid signature, and the engine that answers it. */
export interface ApiRequest extends Pick<RequestTarget, 'resource' | 'parameters'> {
  readonly engine: ChannelEngine;
  /** The engine's time, in milliseconds. */
  readonly now: number;
  /** The most bytes that one event's data may have; 0 allows any number. */
  readonly eventBytes: number;
  readonly body: Buffer;
}
