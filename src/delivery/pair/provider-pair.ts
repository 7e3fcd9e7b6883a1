import type { Clock, Timer } from '../../ports/clock.js';
import { messageOf } from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import { Payload } from '../../ports/payload.js';
import type { ISocketClient, ProviderHealth, RelayOptions, SecondHealth } from '../../ports/socket-client.js';
import type { Provider, SocketConfig } from '../../ports/socket-config.js';
import type { PairedProvider } from './best-effort-sender.js';
import type { Relay } from '../../ports/relay.js';

/** How long {@link ProviderPair.onlineMembers} waits for the provider that does not decide. */
export const BESIDE_MS = 2_000;

/** What both kinds of two providers are made of. */
export interface ProviderPairParts {
  readonly primary: PairedProvider;
  readonly secondary: PairedProvider;
  readonly config: Pick<SocketConfig, 'broadcastChannel' | 'delivery'>;
  readonly clock: Clock;
  readonly logger: SocketLogger;
}

/** The port over two providers, each behind its own client: what {@link Mirror} and {@link Failover} have in common. */
export abstract class ProviderPair implements ISocketClient {
  protected readonly primary: PairedProvider;
  protected readonly secondary: PairedProvider;
  protected readonly clock: Clock;
  protected readonly logger: SocketLogger;
  readonly #broadcastChannel: string;

  constructor({ primary, secondary, config, clock, logger }: ProviderPairParts) {
    this.primary = primary;
    this.secondary = secondary;
    this.clock = clock;
    this.logger = logger;
    this.#broadcastChannel = config.broadcastChannel;
  }

  /** The provider that browsers should be on, now. */
  abstract get inForce(): Provider;

  /** What the provider that does not decide has missed, since the process started. Asks nobody. */
  abstract get counts(): Pick<SecondHealth, 'missed' | 'divergence'>;

  async relayToMember(
    memberId: string,
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void> {
    await this.carry(relay('member', [memberId], event, payload, options));
  }

  async relayToMembers(
    memberIds: readonly string[],
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void> {
    await this.carry(relay('members', [...new Set(memberIds)], event, payload, options));
  }

  async relayToChannel(
    channel: string,
    event: string,
    payload?: unknown,
    options?: RelayOptions,
  ): Promise<void> {
    await this.carry(relay('channel', [channel], event, payload, options));
  }

  async broadcast(event: string, payload?: unknown, options?: RelayOptions): Promise<void> {
    await this.carry(relay('broadcast', [this.#broadcastChannel], event, payload, options));
  }

  async disconnectMember(memberId: string): Promise<void> {
    await this.carry({ id: '', kind: 'disconnect', to: [memberId] });
  }

  /** Those who are on either. What the one that does not decide cannot say in time is left out, which is logged. */
  async onlineMembers(memberIds: readonly string[]): Promise<ReadonlySet<string>> {
    const [deciding, beside] = this.whoKnows();
    const others = beside === undefined ? [] : this.#onlineBeside(beside, memberIds);
    const online = await deciding.client.onlineMembers(memberIds);
    return new Set([...online, ...(await others)]);
  }

  abstract health(): Promise<ProviderHealth>;

  /** The local one first: while its clients are sent away, relays still go to those who are left, whoever decides. */
  async close(): Promise<void> {
    const sides = [this.primary, this.secondary];
    const outcomes: PromiseSettledResult<void>[] = [];
    for (const isLocal of [true, false]) {
      const group = sides.filter((provider_) => provider_.isLocal === isLocal);
      outcomes.push(...(await Promise.allSettled(group.map(({ client }) => client.close()))));
    }
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  }

  /** Makes a call of the port, of which everything leaves within this one. */
  protected abstract carry(relay: Relay): Promise<void>;

  /** The provider whose answer decides who is online, and the other one where it may have members too. */
  protected abstract whoKnows(): readonly [deciding: PairedProvider, beside?: PairedProvider];

  /** How both are doing; as long as either still serves its clients while it goes, this process goes. */
  protected async bothHealths(): Promise<{
    readonly primary: ProviderHealth;
    readonly secondary: ProviderHealth;
    readonly isDraining: boolean;
  }> {
    const [primary, secondary] = await Promise.all([
      this.primary.client.health(),
      this.secondary.client.health(),
    ]);
    return {
      primary,
      secondary,
      isDraining: primary.reason === 'draining' || secondary.reason === 'draining',
    };
  }

  async #onlineBeside(
    { provider, client }: PairedProvider,
    memberIds: readonly string[],
  ): Promise<Iterable<string>> {
    let timer: Timer | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = this.clock.after(BESIDE_MS, () => {
        reject(new Error(`it took more than ${BESIDE_MS} ms`));
      });
    });
    try {
      return await Promise.race([client.onlineMembers(memberIds), late]);
    } catch (error) {
      const reason = messageOf(error);
      this.logger.warn(`Who is online leaves out the provider "${provider}": ${reason}`);
      return [];
    } finally {
      timer?.cancel();
    }
  }
}

/** Reads the payload, now, and once for both. */
function relay(
  kind: Relay['kind'],
  to: readonly string[],
  event: string,
  payload: unknown,
  options: RelayOptions | undefined,
): Relay {
  return { id: '', kind, to, event, payload: Payload.of(payload), options };
}
