import { ContainerModule } from 'inversify';
import { ChannelEngine } from '../../channels/channel-engine.js';
import { SOCKET_CLIENT } from '../../ports/socket-client.js';
import type { AdapterContext, AdapterParts } from '../adapter.js';
import { compose, SERVER_ATTACHMENT, WEBHOOK_COUNTERS } from '../compose.js';
import { HttpApi } from './http-api/http-api.js';
import { DEFAULT_WEBHOOK_LIMITS, WEBHOOK_LIMITS } from './webhooks/webhook-limits.js';
import { Webhooks } from './webhooks/webhooks.js';
import { WsGateway } from './ws-gateway.js';
import { WsSocketClient } from './ws-socket-client.js';

const wsModule = (engine: ChannelEngine) =>
  new ContainerModule(({ bind }) => {
    bind(ChannelEngine).toConstantValue(engine);
    bind(HttpApi).toSelf().inSingletonScope();
    bind(WsGateway).toSelf().inSingletonScope();
    bind(SERVER_ATTACHMENT).toService(WsGateway);
    bind(WEBHOOK_LIMITS).toConstantValue(DEFAULT_WEBHOOK_LIMITS);
    bind(Webhooks).toSelf().inSingletonScope();
    bind(WEBHOOK_COUNTERS).toService(Webhooks);
    bind(SOCKET_CLIENT).to(WsSocketClient).inSingletonScope();
  });

/** Creates the parts of the adapter `ws`. */
export async function createWs(context: AdapterContext): Promise<AdapterParts> {
  const engine = await context.createEngine();
  return compose(context, wsModule(engine), engine);
}
