import * as v from 'valibot';
import { LIMITS } from '../ports/limits.js';
import { channelNameProblem, channelType } from '../protocol/channel-name.js';
import { limit, oneOf, wholeNumber } from './kinds.js';
import { type Kind, setting } from './setting.js';

/** The effect of a relay's failure: `report` resolves with a failed receipt, `throw` rejects. */
export const FAILURE_POLICIES = ['report', 'throw'] as const;

const broadcastChannel: Kind<string> = {
  fromText: (text) => text,
  schema: v.pipe(
    v.string('must be a channel name'),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const problem = channelNameProblem(dataset.value);
      const type = channelType(dataset.value);
      if (problem !== undefined) addIssue({ message: `must be a channel name: ${problem}` });
      else if (type.encrypted) addIssue({ message: 'must not be an encrypted channel' });
      else if (type.access === 'presence') addIssue({ message: 'must be a public or a private- channel' });
    }),
  ),
};

/** The settings of every relay, on every provider. */
export const relaySettings = {
  /**
   * The channel behind `broadcast`, public or private. A `private-` name keeps strangers out.
   *
   * @see docs/authorization.md#the-broadcast-channel
   * @default broadcast
   */
  broadcastChannel: setting('SOCKET_BROADCAST_CHANNEL', broadcastChannel, { default: 'broadcast' }),
  /**
   * Bytes of one event's data as JSON, whether the application, the HTTP API or a client sends it; 0 allows any number. Hosted
   * Pusher takes no more than the default.
   *
   * @default 10240
   */
  maxEventBytes: setting('SOCKET_MAX_EVENT_BYTES', limit, { default: LIMITS.payloadBytes, unit: 'bytes' }),
  /**
   * The effect of a provider's failure: `report` resolves with a failed receipt, `throw` rejects.
   *
   * @default report, on `memory` throw
   */
  failure: setting('SOCKET_FAILURE', oneOf(FAILURE_POLICIES), { default: 'report' }),
  /**
   * Milliseconds that relays are still taken after `app.close()` has sent the clients away, for the requests that the application
   * is still answering. It closes sooner when they are answered. 0 waits as long as they take.
   *
   * @see docs/operations.md#shutdown
   * @default 10000
   */
  closeTimeoutMs: setting('SOCKET_CLOSE_TIMEOUT_MS', wholeNumber(0, 600_000), {
    default: 10_000,
    unit: 'ms',
  }),
};
