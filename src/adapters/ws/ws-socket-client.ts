import { inject, injectable } from 'inversify';
import { ChannelEngine } from '../../channels/channel-engine.js';
import { EngineSocketClient } from '../../channels/engine-socket-client.js';
import { SOCKET_CONFIG, type SocketConfig } from '../../ports/socket-config.js';
import { Webhooks } from './webhooks/webhooks.js';
import { WsGateway } from './ws-gateway.js';

/** The port over the native gateway. */
@injectable()
export class WsSocketClient extends EngineSocketClient {
  constructor(
    @inject(ChannelEngine) engine: ChannelEngine,
    @inject(SOCKET_CONFIG) config: SocketConfig,
    @inject(WsGateway) private readonly gateway: WsGateway,
    @inject(Webhooks) private readonly webhooks: Webhooks,
  ) {
    super(engine, config);
  }

  override async close(): Promise<void> {
    const gone = this.gateway.close();
    await super.close();
    await gone;
    // Last, so that what happens on the way out is posted too.
    await this.webhooks.close();
  }
}
