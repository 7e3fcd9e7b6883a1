import { Injectable } from '@nestjs/common';
import type { ProviderHealth } from '../../ports/socket-client.js';
import { SocketService } from './socket.service.js';

/** The result of a health indicator of `@nestjs/terminus`. */
export type SocketHealthResult<Key extends string = 'socket'> = Record<
  Key,
  ProviderHealth & { readonly provider: string }
>;

/**
 * Health indicators for `@nestjs/terminus`: `health.check([() => socket.isReady()])`. The status `degraded` keeps the check at
 * 200. This class does not import `@nestjs/terminus`.
 */
@Injectable()
export class SocketHealthIndicator {
  readonly #socketService: SocketService;

  constructor(socketService: SocketService) {
    this.#socketService = socketService;
  }

  /**
   * Whether this process should get new connections and requests: `down` when it shuts down or cannot relay. A hosted provider
   * that does not answer makes it only `degraded`: otherwise all processes would be down at once, although all of them can
   * serve other requests.
   *
   * @param key @default 'socket'
   */
  async isReady<const Key extends string = 'socket'>(key?: Key): Promise<SocketHealthResult<Key>> {
    const health = await this.#socketService.health();
    const isShuttingDown = health.reason === 'draining' || health.reason === 'closed';
    const isHosted = health.connections === null && !isShuttingDown;
    return this.#result(key, isHosted ? degradedAtWorst(health) : health);
  }

  /**
   * Whether this process should keep running. Never `down`, because no restart brings a provider back.
   *
   * @param key @default 'socket'
   */
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
