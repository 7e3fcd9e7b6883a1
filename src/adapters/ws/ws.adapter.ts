import { ContainerModule } from 'inversify';
import { ChannelEngine } from '../../channels/channel-engine.js';
import { CLOCK, systemClock } from '../../ports/clock.js';
import { SOCKET_CLIENT } from '../../ports/socket-client.js';
import { SERVER_ATTACHMENT, type SocketAdapter, WEBHOOK_COUNTERS } from '../adapter.js';
import { HttpApi } from './http-api/http-api.js';
import { DEFAULT_WEBHOOK_LIMITS, WEBHOOK_LIMITS } from './webhooks/webhook-limits.js';
import { Webhooks } from './webhooks/webhooks.js';
import { WsGateway } from './ws-gateway.js';
import { WsSocketClient } from './ws-socket-client.js';

/** The native gateway: this backend is its own Pusher. */
export const wsAdapter: SocketAdapter = {
  module: new ContainerModule(({ bind }) => {
    bind(CLOCK).toConstantValue(systemClock);
    bind(ChannelEngine).toSelf().inSingletonScope();
    bind(HttpApi).toSelf().inSingletonScope();
    bind(WsGateway).toSelf().inSingletonScope();
    bind(SERVER_ATTACHMENT).toService(WsGateway);
    bind(WEBHOOK_LIMITS).toConstantValue(DEFAULT_WEBHOOK_LIMITS);
    bind(Webhooks).toSelf().inSingletonScope();
    bind(WEBHOOK_COUNTERS).toService(Webhooks);
    bind(SOCKET_CLIENT).to(WsSocketClient).inSingletonScope();
  }),
  isClustered: true,
  // The gateway listens where the browser has just asked, so that is where it connects.
  clientOptions: ({ gateway }, { hostname, port, secure }) => ({
    cluster: 'switchboard',
    forceTLS: secure,
    enabledTransports: ['ws', 'wss'],
    wsHost: hostname,
    ...(port !== undefined && { wsPort: port, wssPort: port }),
    ...(gateway.path !== '' && { wsPath: gateway.path }),
  }),
};
