import { KEPT_EVENTS } from '../../src/testing/contract-history.js';

/** The settings of the section *history* of the contract suite. */
export const HISTORY = {
  channels: ['members', 'broadcast', 'presence-{room}'],
  channelEvents: KEPT_EVENTS,
} as const;
