import type { Container } from 'inversify';
import type { SocketAdapter } from '../../adapters/adapter.js';
import { loadAdapter } from '../../adapters/index.js';
import { createSocketContainer } from '../../adapters/socket-container.js';
import type { PairedProvider } from '../../delivery/pair/best-effort-sender.js';
import type { ProviderPair } from '../../delivery/pair/provider-pair.js';
import { type Clock, CLOCK } from '../../ports/clock.js';
import type { SocketLogger } from '../../ports/logger.js';
import { type ISocketClient, SOCKET_CLIENT } from '../../ports/socket-client.js';
import type { Provider, SecondConfig, SocketConfig } from '../../ports/socket-config.js';

/** A provider with its own container. */
export interface BuiltProvider {
  readonly provider: Provider;
  readonly adapter: SocketAdapter;
  readonly container: Container;
}

/** The second of two providers, and what stands before both of them. Loaded only where there are two. */
export class SecondProvider implements BuiltProvider {
  readonly provider: Provider;

  private constructor(
    readonly adapter: SocketAdapter,
    readonly container: Container,
    readonly config: SecondConfig,
    /** The port over both. */
    readonly client: ProviderPair,
  ) {
    this.provider = config.provider;
  }

  /**
   * Builds the second provider's container, and what stands before it and the first.
   *
   * @throws MissingPackageError
   */
  static async build(
    config: SocketConfig,
    second: SecondConfig,
    first: BuiltProvider,
    logger: SocketLogger,
  ): Promise<SecondProvider> {
    const { provider, role } = second;
    const adapter = await loadAdapter(provider);
    // What fails there is tried again where the first is, as a whole call, and never for a mirror's sake.
    const isRetried = first.adapter.isRetried === true && role === 'failover';
    const retryDeadlineMs = isRetried ? config.delivery.retryDeadlineMs : 0;
    const ownConfig = { ...config, provider, delivery: { ...config.delivery, retryDeadlineMs } };
    const container = await createSocketContainer(ownConfig, adapter, logger);
    const parts = {
      primary: pairedProvider(first),
      secondary: pairedProvider({ provider, adapter, container }),
      config,
      clock: first.container.get<Clock>(CLOCK),
      logger,
    };
    const client =
      role === 'mirror'
        ? new (await import('../../delivery/pair/mirror.js')).Mirror(parts)
        : new (await import('../../delivery/pair/failover.js')).Failover(parts);
    return new SecondProvider(adapter, container, second, client);
  }

  /** Whether browsers are led here now. */
  get isInForce(): boolean {
    return this.client.inForce === this.provider;
  }

  /** For what tries again above: where the second takes over, a first one that fails is no reason to wait. */
  configAbove(config: SocketConfig): SocketConfig {
    if (this.config.role === 'mirror') return config;
    return { ...config, delivery: { ...config.delivery, breakerFailures: 0 } };
  }
}

function pairedProvider({ provider, adapter, container }: BuiltProvider): PairedProvider {
  const client = container.get<ISocketClient>(SOCKET_CLIENT);
  return { provider, client, isLocal: adapter.isClustered === true };
}
