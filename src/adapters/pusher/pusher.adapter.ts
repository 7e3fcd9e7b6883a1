import type { SocketAdapter } from '../adapter.js';
import { DEFAULT_CLUSTER } from './pusher.settings.js';

/** Hosted Pusher, or any server with the same HTTP API. */
export const pusherAdapter: SocketAdapter = {
  name: 'pusher',
  packages: ['pusher'],
  capabilities: { isRetried: true, signsInAsPusher: true, needsCredentials: true },
  create: async (context) => (await import('./pusher.module.js')).createPusher(context),

  /** A hosted cluster, or else the server's own WebSocket end: where its HTTP API is, unless the configuration says so. */
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
