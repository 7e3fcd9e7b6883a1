import type { ChannelEngine } from '../channels/channel-engine.js';
import { EngineSocketClient } from '../channels/engine-socket-client.js';
import type { SocketConfig } from '../ports/socket-config.js';

/** The part of an adapter that clients connect to, as a shutdown uses it. */
export interface Gateway {
  /**
   * Refuses new connections.
   *
   * @param hasSuccessor whether another node takes them
   */
  stopAccepting(hasSuccessor: boolean): void;
  /** Resolves when the last connection is closed. The engine ends the connections. */
  disconnected(): Promise<void>;
  /** Takes no more requests of other kinds. */
  close(): Promise<void>;
  /** Leaves the server to its other listeners. Resolves when those are gone who were refused last. */
  release(): Promise<void>;
}

/** The port over a gateway of this process: the common part of the adapters that have one. */
export class GatewaySocketClient extends EngineSocketClient {
  readonly #gateway: Gateway;
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(engine: ChannelEngine, config: SocketConfig, gateway: Gateway) {
    super(engine, config);
    this.#gateway = gateway;
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

  /** Called when the engine is closed, and its last channel events are emitted. */
  protected async engineClosed(): Promise<void> {
    // Nothing else has to be closed.
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
    await this.engineClosed();
    // Last, because new connections are refused until then.
    await this.#gateway.release();
  }
}
