import { inject, injectable } from 'inversify';
import { ChannelEngine } from '../../channels/channel-engine.js';
import { EngineSocketClient, type QuestionError } from '../../channels/engine-socket-client.js';
import type { Relay } from '../../ports/relay.js';
import type { ProviderHealth } from '../../ports/socket-client.js';
import { SOCKET_CONFIG, type SocketConfig } from '../../ports/socket-config.js';
import { newSocketId } from '../../protocol/socket-id.js';
import { Faults } from './faults.js';
import { ManualClock } from './manual-clock.js';
import { MemoryConnection } from './memory-connection.js';

/** An accepted relay, without its id: Node builds each id from twenty strings, which the list would all keep in memory. */
export type AcceptedRelay = Omit<Relay, 'id' | 'delayMs'>;

/**
 * The fake provider: the same port on the same channel engine as the gateway, with connections in memory, a clock that the
 * test moves, injected failures, and a list of all accepted relays.
 */
@injectable()
export class MemorySocketClient extends EngineSocketClient {
  /** All relays that the provider accepted, oldest first. */
  readonly accepted: AcceptedRelay[] = [];
  readonly faults = new Faults();
  readonly clock: ManualClock;

  constructor(
    @inject(ChannelEngine) engine: ChannelEngine,
    @inject(SOCKET_CONFIG) config: SocketConfig,
    @inject(ManualClock) clock: ManualClock,
  ) {
    super(engine, config);
    this.clock = clock;
  }

  /** Opens a connection, as a browser would. It is not signed in, and not subscribed to anything. */
  connect(): MemoryConnection {
    return new MemoryConnection(this.engine, newSocketId());
  }

  override async health(): Promise<ProviderHealth> {
    if (this.faults.isDown)
      return { status: 'down', connections: this.engine.connections, reason: 'down (injected)' };
    return super.health();
  }

  protected override accept(relay: Relay): void {
    this.faults.check(relay);
    const { kind, recipients, event, payload, exceptSocketId } = relay;
    this.accepted.push({ kind, recipients, event, payload, exceptSocketId });
  }

  protected override acceptQuestion(errorOf: QuestionError): void {
    this.faults.checkQuestion(errorOf);
  }
}
