import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { type ProviderHealth, SocketService } from 'nestjs-switchboard';

/** The answer of `GET /health`. */
type Health = ProviderHealth & Pick<SocketService, 'provider' | 'relays'>;

/**
 * Whether this backend can relay: 200, or 503 with the same body. A node of a cluster that is `degraded` answers 200 too,
 * because it still serves its own connections. A node that shuts down answers 503 from the first moment, so that a load
 * balancer sends it no new connections.
 */
@Controller('health')
export class HealthController {
  readonly #socketService: SocketService;

  constructor(socketService: SocketService) {
    this.#socketService = socketService;
  }

  @Get()
  async health(): Promise<Health> {
    const { provider, relays } = this.#socketService;
    const health = { provider, ...(await this.#socketService.health()), relays };
    if (health.status === 'down') throw new ServiceUnavailableException(health);
    return health;
  }
}
