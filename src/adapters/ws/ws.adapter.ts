import type { SocketAdapter } from '../adapter.js';

/** The native gateway: this backend is its own Pusher. */
export const wsAdapter: SocketAdapter = {
  name: 'ws',
  packages: ['ws'],
  capabilities: { isClustered: true, hasGateway: true, signsInAsPusher: true },
  create: async (context) => (await import('./ws.module.js')).createWs(context),
  // The gateway listens on the server that has answered this request of the browser.
  clientOptions: ({ gateway }, { hostname, port, secure }) => ({
    cluster: 'switchboard',
    forceTLS: secure,
    enabledTransports: ['ws', 'wss'],
    wsHost: hostname,
    ...(port !== undefined && { wsPort: port, wssPort: port }),
    ...(gateway.path !== '' && { wsPath: gateway.path }),
  }),
};
