import { ContainerModule } from 'inversify';
import { ChannelEngine } from '../../channels/channel-engine.js';
import { SOCKET_CLIENT } from '../../ports/socket-client.js';
import { SOCKET_CONFIG, type SocketConfig } from '../../ports/socket-config.js';
import type { AdapterContext, AdapterParts } from '../adapter.js';
import { compose, SERVER_ATTACHMENT } from '../compose.js';
import { GatewaySocketClient } from '../gateway-socket-client.js';
import type { socketIoSettings } from './socket-io.settings.js';
import { SocketIoGateway } from './socket-io-gateway.js';

const socketIoModule = (engine: ChannelEngine) =>
  new ContainerModule(({ bind }) => {
    bind(ChannelEngine).toConstantValue(engine);
    bind(SocketIoGateway).toSelf().inSingletonScope();
    bind(SERVER_ATTACHMENT).toService(SocketIoGateway);
    bind(SOCKET_CLIENT)
      .toResolvedValue(
        (config: SocketConfig, gateway: SocketIoGateway) => new GatewaySocketClient(engine, config, gateway),
        [SOCKET_CONFIG, SocketIoGateway],
      )
      .inSingletonScope();
  });

/** Creates the parts of the adapter `socket-io`. */
export async function createSocketIo(
  context: AdapterContext<typeof socketIoSettings>,
): Promise<AdapterParts> {
  const engine = await context.createEngine();
  return compose(context, socketIoModule(engine), engine);
}
