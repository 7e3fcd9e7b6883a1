import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { type ProviderHealth, SocketService } from 'nestjs-switchboard';

/** What `GET /health` answers. */
type Health = ProviderHealth & Pick<SocketService, 'provider' | 'relays'>;

/**
 * Whether this backend can relay: 200, or 503 with the same body. A node of a cluster that is `degraded` answers 200 too:
 * it still serves whoever is connected to it, which is better than nobody. One that is going away answers 503 from the
 * beginning of it, so that a load balancer leads nobody there any more.
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
