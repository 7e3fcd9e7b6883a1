import type { Clock } from '../../../ports/clock.js';
import { SocketConfigurationError } from '../../../ports/errors.js';
import type { EventLog, HistoryEvent, KeptEvent, Missed, Position } from '../../../ports/history.js';
import type { SocketLogger } from '../../../ports/logger.js';
import type { SocketConfig } from '../../../ports/socket-config.js';
import { eventMessage } from '../bus-message.js';
import { keysOf } from '../connection/redis-keys.js';
import { RedisLink } from '../connection/redis-link.js';
import { RedisLog } from './redis-log.js';

/** The node of events that no gateway has sent. */
const NOBODY = '';

/** The logs in Redis for a provider without a gateway, over a connection of its own. Gateways of the same Redis share them. */
export class RedisEventLog implements EventLog {
  readonly #link: RedisLink;
  readonly #log: RedisLog;

  /** @throws SocketConfigurationError when there is no address of Redis */
  constructor(config: SocketConfig, clock: Clock, logger: SocketLogger) {
    const { address, prefix } = config.redis;
    if (address === undefined) throw new SocketConfigurationError(['SOCKET_REDIS_URL: is required']);
    this.#link = new RedisLink(address, clock, logger, {
      message: () => undefined,
      up: () => undefined,
      changed: () => undefined,
      down: () => undefined,
    });
    this.#log = new RedisLog({ link: this.#link, keys: keysOf(prefix, address), clock, config });
  }

  get statistics() {
    return this.#log.statistics;
  }

  open(): void {
    this.#link.open();
  }

  async keep(channel: string, event: HistoryEvent, key: string | undefined): Promise<Position> {
    const { position } = await this.#log.append(channel, eventMessage(NOBODY, event), {
      key,
      isPublished: false,
    });
    return position;
  }

  head(channel: string): Promise<Position> {
    return this.#log.head(channel);
  }

  since(channel: string, position: Position, limit: number): Promise<Missed> {
    return this.#log.since(channel, position, limit);
  }

  latest(channel: string, before: Position | undefined, limit: number): Promise<readonly KeptEvent[]> {
    return this.#log.latest(channel, before, limit);
  }

  claim(recipient: string, key: string): Promise<boolean> {
    return this.#log.claim(recipient, key);
  }

  release(recipient: string, key: string): Promise<void> {
    return this.#log.release(recipient, key);
  }

  close(): void {
    this.#link.close();
  }
}
