import { LIMITS } from '../../ports/limits.js';
import type { SettingProblem } from '../../settings/setting-problem.js';
import type { SocketAdapter } from '../adapter.js';
import { DEFAULT_CLUSTER, type PusherAdapterConfig, pusherSettings } from './pusher.settings.js';

/** Hosted Pusher, or any server with the same HTTP API. */
export const pusherAdapter: SocketAdapter<typeof pusherSettings> = {
  name: 'pusher',
  settings: pusherSettings,
  packages: ['pusher'],
  capabilities: {
    isRetried: true,
    signsInAsPusher: true,
    hasEncryptedChannels: true,
    needsCredentials: true,
    presenceIdLength: 128,
  },
  problems: (config, isChosen) => (isChosen ? problems(config) : []),
  create: async (context) => (await import('./pusher.module.js')).createPusher(context),

  hasEnvelope: ({ pusher }) => pusher.envelope,

  /** A hosted cluster, or a server of one's own: on the host and port of its HTTP API, unless configured otherwise. */
  clientOptions({ pusher }) {
    const cluster = pusher.cluster ?? DEFAULT_CLUSTER;
    const enabledTransports = ['ws', 'wss'];
    const wsHost = pusher.wsHost ?? pusher.host;
    if (wsHost === undefined) return { cluster, forceTLS: true, enabledTransports };

    const port = pusher.wsPort ?? pusher.port;
    return {
      cluster,
      forceTLS: pusher.scheme === 'https',
      enabledTransports,
      wsHost,
      ...(port !== undefined && { wsPort: port, wssPort: port }),
    };
  },
};

function problems({ maxEventBytes, pusher }: PusherAdapterConfig): SettingProblem[] {
  const found: SettingProblem[] = [];
  if (maxEventBytes === 0 || maxEventBytes > LIMITS.payloadBytes) {
    found.push({
      variable: 'SOCKET_MAX_EVENT_BYTES',
      problem: `hosted Pusher takes at most ${LIMITS.payloadBytes}; it is ${maxEventBytes}`,
    });
  }
  if (pusher.cluster === undefined && pusher.host === undefined) {
    found.push({
      variable: 'PUSHER_CLUSTER',
      problem: 'is required by the provider "pusher", unless PUSHER_HOST names a compatible server',
      decidedBy: ['PUSHER_CLUSTER', 'PUSHER_HOST'],
    });
  }
  return found;
}
