import { inject, injectable } from 'inversify';
import { ChannelEngine } from '../../channels/channel-engine.js';
import { SOCKET_CONFIG, type SocketConfig } from '../../ports/socket-config.js';
import { GatewaySocketClient } from '../gateway-socket-client.js';
import { Webhooks } from './webhooks/webhooks.js';
import { WsGateway } from './ws-gateway.js';

/** The port over the native gateway. */
@injectable()
export class WsSocketClient extends GatewaySocketClient {
  readonly #webhooks: Webhooks;

  constructor(
    @inject(ChannelEngine) engine: ChannelEngine,
    @inject(SOCKET_CONFIG) config: SocketConfig,
    @inject(WsGateway) gateway: WsGateway,
    @inject(Webhooks) webhooks: Webhooks,
  ) {
    super(engine, config, gateway);
    this.#webhooks = webhooks;
  }

  /** The channel events of the shutdown are posted too. */
  protected override engineClosed(): Promise<void> {
    return this.#webhooks.close();
  }
}
