import type { SocketAdapter } from '../adapter.js';
import { socketIoSettings } from './socket-io.settings.js';

/** A gateway for `socket.io-client`: this backend is its own Socket.IO server. */
export const socketIoAdapter: SocketAdapter<typeof socketIoSettings> = {
  name: 'socket-io',
  settings: socketIoSettings,
  packages: ['socket.io'],
  capabilities: { isClustered: true, hasGateway: true, carriesAnswers: true },
  create: async (context) => (await import('./socket-io.module.js')).createSocketIo(context),
  // The gateway listens on the application's own server.
  clientOptions: ({ socketIo }, { hostname, port, secure, path }) => ({
    url: `${secure ? 'https' : 'http'}://${hostname}${port === undefined ? '' : `:${port}`}`,
    path: path + socketIo.path,
    transports: socketIo.transports,
  }),
};
