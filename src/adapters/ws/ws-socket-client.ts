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
  #draining: Promise<void> | undefined;
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
   * Refuses new connections, and drains the open ones. Relays are delivered to the remaining connections meanwhile, and to
   * other nodes afterwards too. A second call waits for the first.
   */
  drain(): Promise<void> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  /** Drains, and then takes no more relays. A second call waits for the first. */
  override close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #drain(): Promise<void> {
    this.isDraining = true;
    const hasSuccessor = this.engine.retire();
    // On a single node nothing has to be awaited.
    this.#gateway.stopAccepting(hasSuccessor !== undefined && (await hasSuccessor));
    await this.engine.drain();
    await this.#gateway.disconnected();
  }

  async #close(): Promise<void> {
    await this.drain();
    const answered = this.#gateway.close();
    await super.close();
    await answered;
    // After the engine, so that the channel events of the shutdown are posted too.
    await this.#webhooks.close();
    // Last, because new connections are refused until then.
    await this.#gateway.release();
  }
}
