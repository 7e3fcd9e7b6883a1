import { ContainerModule } from 'inversify';
import { CLOCK, systemClock } from '../../ports/clock.js';
import { LOGGER, type SocketLogger } from '../../ports/logger.js';
import { SOCKET_CLIENT, type ISocketClient } from '../../ports/socket-client.js';
import { SOCKET_CONFIG, type SocketConfig } from '../../ports/socket-config.js';
import { type ClientOptions, SERVER_ATTACHMENT, type SocketAdapter } from '../adapter.js';
import { DEFAULT_CLUSTER, PusherHttpApi } from './http/pusher-http-api.js';
import { loadPusherSdk } from './http/pusher-sdk.js';
import { PusherSocketClient } from './pusher-socket-client.js';
import { WebhookReceiver } from './webhook/webhook-receiver.js';

/**
 * Hosted Pusher, or any server with the same HTTP API. Loading the module imports the `pusher` package, so it takes
 * `container.load`, which rejects with a `MissingPackageError` where that is not installed.
 */
export const pusherAdapter: SocketAdapter = {
  isRetried: true,
  module: new ContainerModule(async ({ bind }) => {
    const Pusher = await loadPusherSdk();
    bind(CLOCK).toConstantValue(systemClock);
    bind(WebhookReceiver).toSelf().inSingletonScope();
    bind(SERVER_ATTACHMENT).toService(WebhookReceiver);
    bind<ISocketClient>(SOCKET_CLIENT)
      .toDynamicValue((context) => {
        const config = context.get<SocketConfig>(SOCKET_CONFIG);
        return new PusherSocketClient(
          new PusherHttpApi(Pusher, config),
          config,
          context.get<SocketLogger>(LOGGER),
        );
      })
      .inSingletonScope();
  }),

  /** A hosted cluster, or else the server's own WebSocket end: where its HTTP API is, unless the configuration says so. */
  clientOptions({ pusher }: SocketConfig): ClientOptions {
    const cluster = pusher.cluster ?? DEFAULT_CLUSTER;
    const enabledTransports = ['ws', 'wss'] as const;
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
