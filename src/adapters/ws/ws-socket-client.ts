import { inject, injectable } from 'inversify';
import { ChannelEngine } from '../../channels/channel-engine.js';
import { EngineSocketClient } from '../../channels/engine-socket-client.js';
import { SOCKET_CONFIG, type SocketConfig } from '../../ports/socket-config.js';
import { Webhooks } from './webhooks/webhooks.js';
import { WsGateway } from './ws-gateway.js';

/** The port over the native gateway. */
@injectable()
export class WsSocketClient extends EngineSocketClient {
  readonly #gateway: WsGateway;
  readonly #webhooks: Webhooks;
  #closing: Promise<void> | undefined;

  constructor(
    @inject(ChannelEngine) engine: ChannelEngine,
    @inject(SOCKET_CONFIG) config: SocketConfig,
    @inject(WsGateway) gateway: WsGateway,
    @inject(Webhooks) webhooks: Webhooks,
  ) {
    super(engine, config);
    this.#gateway = gateway;
    this.#webhooks = webhooks;
  }

  /**
   * Takes nobody new, sends the clients away, and relays to those who are left until nobody is. A second call waits for
   * the same.
   */
  override close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.isDraining = true;
    this.#gateway.refuse();
    await this.engine.drain();
    const gone = this.#gateway.close();
    await super.close();
    await gone;
    // Late, so that what happens on the way out is posted too.
    await this.#webhooks.close();
    // Last: until then whoever comes is told to go elsewhere.
    this.#gateway.release();
  }
}
