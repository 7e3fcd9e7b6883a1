import type { Clock } from '../../ports/clock.js';
import { messageOf } from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import type { Provider } from '../../ports/socket-config.js';
import type { ISocketClient } from '../../ports/socket-client.js';
import { describeRelay, type Relay, perform } from '../../ports/relay.js';
import { Capacity } from '../../relays/capacity.js';

/** One of two providers. */
export interface PairedProvider {
  readonly provider: Provider;
  readonly client: ISocketClient;
  /** Whether it serves connections of this very process, so that an event for nobody costs next to nothing there. */
  readonly isLocal: boolean;
}

/** What may be under way: relays, one to one member or channel each, and bytes of their payloads. */
const MAX_UNDER_WAY = { relays: 10_000, bytes: 16 * 1_024 * 1_024 };

/** Between two lines of the log about what was missed. */
const LOG_EVERY_MS = 60_000;

/**
 * What a provider gets besides, without deciding anything: nobody waits for it, nothing of it is tried again, and what is
 * under way is bounded. What it misses is counted, and logged once in a while.
 */
export class BestEffortSender {
  readonly #capacity = new Capacity(MAX_UNDER_WAY.relays, MAX_UNDER_WAY.bytes);
  #missed = 0;
  #untold = 0;
  #quietUntil = -Infinity;

  /** @param logger absent where somebody else tells that the provider fails */
  constructor(
    private readonly provider_: PairedProvider,
    private readonly clock: Clock,
    private readonly logger?: SocketLogger,
  ) {}

  /** How many calls it did not take. */
  get missed(): number {
    return this.#missed;
  }

  /**
   * Makes a call, within this one.
   *
   * @param call makes it in another way
   * @returns whether it was taken, once that is known; never rejects
   */
  async send(relay: Relay, call = () => perform(this.provider_.client, relay)): Promise<boolean> {
    // What is to more than may be under way is so alone.
    const relays = Math.min(relay.to.length, MAX_UNDER_WAY.relays);
    const bytes = relay.payload?.bytes ?? 0;
    const refusal = this.#capacity.take(relays, bytes);
    if (refusal !== undefined) {
      this.#miss(`${describeRelay(relay)}: ${refusal.replace('waiting', 'under way')}`);
      return false;
    }
    try {
      await call();
      return true;
    } catch (error) {
      this.#miss(`${describeRelay(relay)}: ${messageOf(error)}`);
      return false;
    } finally {
      this.#capacity.leave(relays, bytes);
    }
  }

  #miss(what: string): void {
    this.#missed++;
    this.#untold++;
    const now = this.clock.now();
    if (now < this.#quietUntil) return;
    this.logger?.warn(
      `The provider "${this.provider_.provider}" missed ${this.#untold} call(s) that the other one decides; the last: ${what}`,
    );
    this.#quietUntil = now + LOG_EVERY_MS;
    this.#untold = 0;
  }
}
