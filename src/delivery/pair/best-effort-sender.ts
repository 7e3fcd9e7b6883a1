import type { Clock } from '../../ports/clock.js';
import { messageOf } from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import { describeRelay, type Relay } from '../../ports/relay.js';
import type { AdapterClient } from '../../ports/relay-client.js';
import type { Provider } from '../../ports/socket-config.js';
import { Capacity } from '../../relays/capacity.js';

/** One of the two providers of a pair. */
export interface PairedProvider {
  readonly provider: Provider;
  readonly client: AdapterClient;
  /** Whether it serves connections of this process. Then an event that nobody listens for costs next to nothing there. */
  readonly isLocal: boolean;
}

/** The relays under way at a time, where one to several members counts once for each, and the bytes of their payloads. */
const MAX_IN_FLIGHT = { places: 10_000, bytes: 16 * 1_024 * 1_024 };

/** Milliseconds between two log lines about missed relays. */
const LOG_INTERVAL_MS = 60_000;

/**
 * Sends relays to the provider that does not decide: nobody waits for them, none of them is tried again, and the amount
 * under way is bounded. Missed relays are counted, and logged at most once a minute.
 */
export class BestEffortSender {
  readonly #provider: PairedProvider;
  readonly #clock: Clock;
  readonly #logger: SocketLogger | undefined;
  readonly #capacity = new Capacity(MAX_IN_FLIGHT.places, MAX_IN_FLIGHT.bytes);
  #missed = 0;
  #unlogged = 0;
  #quietUntil = -Infinity;

  /** @param logger absent where the provider's failures are logged elsewhere */
  constructor(provider: PairedProvider, clock: Clock, logger?: SocketLogger) {
    this.#provider = provider;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** How many relays the provider did not take. */
  get missed(): number {
    return this.#missed;
  }

  /**
   * Sends a relay within this call.
   *
   * @param attempt sends it in another way than by the client
   * @returns whether the provider took it, once that is known; never rejects
   */
  async send(relay: Relay, attempt = () => this.#provider.client.send(relay)): Promise<boolean> {
    // A relay to more recipients than the bound is under way alone.
    const places = Math.min(relay.recipients.length, MAX_IN_FLIGHT.places);
    const bytes = relay.payload?.bytes ?? 0;
    const refusal = this.#capacity.acquire(places, bytes);
    if (refusal !== undefined) {
      this.#miss(`${describeRelay(relay)}: ${refusal.replace('waiting', 'under way')}`);
      return false;
    }
    try {
      await attempt();
      return true;
    } catch (error) {
      this.#miss(`${describeRelay(relay)}: ${messageOf(error)}`);
      return false;
    } finally {
      this.#capacity.release(places, bytes);
    }
  }

  #miss(reason: string): void {
    this.#missed++;
    this.#unlogged++;
    const now = this.#clock.now();
    if (now < this.#quietUntil) return;
    this.#logger?.warn(
      `The provider "${this.#provider.provider}" missed ${this.#unlogged} call(s) that the other one decides; the last: ${reason}`,
    );
    this.#quietUntil = now + LOG_INTERVAL_MS;
    this.#unlogged = 0;
  }
}
