import { Injectable } from '@nestjs/common';
import type { ProviderHealth } from '../../ports/socket-client.js';
import { SocketService } from './socket.service.js';

/** What a health indicator of `@nestjs/terminus` answers. */
export type SocketHealthResult<Key extends string = 'socket'> = Record<
  Key,
  ProviderHealth & { readonly provider: string }
>;

/**
 * Health indicators for `@nestjs/terminus`, which need not be installed for them:
 * `health.check([() => socket.isReady()])`. `degraded` keeps the check at 200.
 */
@Injectable()
export class SocketHealthIndicator {
  readonly #socketService: SocketService;

  constructor(socketService: SocketService) {
    this.#socketService = socketService;
  }

  /**
   * Whether this process should get new connections and requests: `down` when it is going away, or cannot relay. A provider
   * elsewhere that does not answer makes it `degraded` only: all processes would say so at once, and all of them still serve
   * everything else.
   */
  async isReady<const Key extends string = 'socket'>(key?: Key): Promise<SocketHealthResult<Key>> {
    const health = await this.#socketService.health();
    const isLeaving = health.reason === 'draining' || health.reason === 'closed';
    const isElsewhere = health.connections === null && !isLeaving;
    return this.#result(key, isElsewhere ? degradedAtWorst(health) : health);
  }

  /** Whether this process should be left running, which it always should: no restart brings a provider back. Never `down`. */
  async isAlive<const Key extends string = 'socket'>(key?: Key): Promise<SocketHealthResult<Key>> {
    return this.#result(key, degradedAtWorst(await this.#socketService.health()));
  }

  #result<Key extends string>(key: Key | undefined, health: ProviderHealth): SocketHealthResult<Key> {
    const { provider } = this.#socketService;
    return { [key ?? 'socket']: { provider, ...health } } as SocketHealthResult<Key>;
  }
}

function degradedAtWorst(health: ProviderHealth): ProviderHealth {
  return health.status === 'down' ? { ...health, status: 'degraded' } : health;
}
