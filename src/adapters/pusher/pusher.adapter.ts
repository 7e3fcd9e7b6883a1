import type { SocketAdapter } from '../adapter.js';

/** Pusher's first cluster. `pusher-js` requires the name of a cluster, even when a host is given and the name is not used. */
export const DEFAULT_CLUSTER = 'mt1';

/** Hosted Pusher, or any server with the same HTTP API. */
export const pusherAdapter: SocketAdapter = {
  name: 'pusher',
  packages: ['pusher'],
  capabilities: { isRetried: true, signsInAsPusher: true, needsCredentials: true },
  create: async (context) => (await import('./pusher.module.js')).createPusher(context),

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
