import type { Clock } from '../../../ports/clock.js';
import { SocketConfigurationError } from '../../../ports/errors.js';
import type { EventLog, HistoryEvent, Position } from '../../../ports/history.js';
import type { SocketLogger } from '../../../ports/logger.js';
import type { SocketConfig } from '../../../ports/socket-config.js';
import { eventMessage } from '../bus-message.js';
import { keysOf } from '../connection/redis-keys.js';
import { RedisLink } from '../connection/redis-link.js';
import { RedisLog } from './redis-log.js';

/** The node of events that no gateway has sent. */
const NOBODY = '';

/** The logs in Redis for a provider without a gateway, over a connection of its own. Gateways of the same Redis share them. */
export class RedisEventLog extends RedisLog implements EventLog {
  readonly #link: RedisLink;

  /** @throws SocketConfigurationError when there is no address of Redis */
  constructor(config: SocketConfig, clock: Clock, logger: SocketLogger) {
    const { address, prefix } = config.redis;
    if (address === undefined) throw new SocketConfigurationError(['SOCKET_REDIS_URL: is required']);
    const link = new RedisLink(address, clock, logger, {
      message: () => undefined,
      up: () => undefined,
      changed: () => undefined,
      down: () => undefined,
    });
    super({ link, keys: keysOf(prefix, address), clock, config });
    this.#link = link;
  }

  open(): void {
    this.#link.open();
  }

  async keep(channel: string, event: HistoryEvent, key: string | undefined): Promise<Position> {
    const { position } = await this.append(channel, eventMessage(NOBODY, event), { key, isPublished: false });
    return position;
  }

  close(): void {
    this.#link.close();
  }
}
