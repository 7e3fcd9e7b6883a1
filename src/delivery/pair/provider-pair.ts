import { type Clock, within } from '../../ports/clock.js';
import { messageOf, SocketNoAnswerError } from '../../ports/errors.js';
import type { SocketLogger } from '../../ports/logger.js';
import type { Relay } from '../../ports/relay.js';
import { type AdapterClient, RelayClient } from '../../ports/relay-client.js';
import type { ChannelMember, ProviderHealth, SecondHealth } from '../../ports/socket-client.js';
import type { Provider, SocketConfig } from '../../ports/socket-config.js';
import type { PairedProvider } from './best-effort-sender.js';

/** Milliseconds that {@link ProviderPair.onlineMembers} waits for the provider that does not decide. */
export const OTHER_PROVIDER_TIMEOUT_MS = 2_000;

/** The parts of a pair. */
export interface ProviderPairParts {
  readonly primary: PairedProvider;
  readonly secondary: PairedProvider;
  readonly config: Pick<SocketConfig, 'broadcastChannel' | 'delivery'>;
  readonly clock: Clock;
  readonly logger: SocketLogger;
  /** Whether this process sends failed relays again, and says when one is settled. */
  readonly isRetried: boolean;
}

/** The port over two providers, each behind its own client: the common part of {@link Mirror} and {@link Failover}. */
export abstract class ProviderPair extends RelayClient {
  protected readonly primary: PairedProvider;
  protected readonly secondary: PairedProvider;
  protected readonly clock: Clock;
  protected readonly logger: SocketLogger;

  constructor({ primary, secondary, config, clock, logger }: ProviderPairParts) {
    super(config.broadcastChannel);
    this.primary = primary;
    this.secondary = secondary;
    this.clock = clock;
    this.logger = logger;
  }

  /** The provider that browsers should be on now. */
  abstract get inForce(): Provider;

  /** Counts of relays that the other provider missed since the process started. Asks nobody. */
  abstract get counts(): Pick<SecondHealth, 'missed' | 'divergence'>;

  /** Carries a relay. Everything leaves within this call. */
  abstract override send(relay: Relay): Promise<void>;

  /** The members who are on either. A provider that does not decide, and does not answer in time, is left out and logged. */
  async onlineMembers(memberIds: readonly string[]): Promise<ReadonlySet<string>> {
    const [deciding, other] = this.providersWithMembers();
    const others = other === undefined ? [] : this.#onlineOn(other, memberIds);
    const online = await deciding.client.onlineMembers(memberIds);
    return new Set([...online, ...(await others)]);
  }

  /** The members who are on either; the info is that of the deciding provider, where it has one. */
  override async channelMembers(channel: string): Promise<readonly ChannelMember[]> {
    const [deciding, other] = this.providersWithMembers();
    const others = other === undefined ? [] : this.#membersOn(other, channel);
    const members = new Map<string, ChannelMember>();
    const decided = await deciding.client.channelMembers(channel);
    for (const member of [...decided, ...(await others)]) {
      const known = members.get(member.id);
      if (known?.info === undefined) members.set(member.id, member);
    }
    return [...members.values()];
  }

  /** Removes on both. Where one of them cannot do it, it is done on the other one all the same. */
  override async removeFromChannel(channel: string, memberId: string): Promise<void> {
    await this.#onEach((client) => client.removeFromChannel(channel, memberId));
  }

  /** Asks on both. The first answer counts; without any, the rejection of the provider that carries answers is the one to tell. */
  override async askMember(
    memberId: string,
    event: string,
    payload: unknown,
    timeoutMs: number,
  ): Promise<unknown> {
    const asked = this.providersWithMembers().flatMap((provider) =>
      provider === undefined ? [] : [provider.client.askMember(memberId, event, payload, timeoutMs)],
    );
    try {
      return await Promise.any(asked);
    } catch (failure) {
      const errors: unknown[] = failure instanceof AggregateError ? failure.errors : [failure];
      throw errors.find((error) => error instanceof SocketNoAnswerError) ?? errors[0];
    }
  }

  abstract override health(): Promise<ProviderHealth>;

  drain(): Promise<void> {
    return this.#onEach((client) => client.drain?.());
  }

  close(): Promise<void> {
    return this.#onEach((client) => client.close());
  }

  /** The provider whose answer decides which members are online, and the other one where it may have members too. */
  protected abstract providersWithMembers(): readonly [deciding: PairedProvider, other?: PairedProvider];

  /** The health of both. The process is draining as long as either still serves its clients while it goes. */
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

  /**
   * Ends something on both, on the local one first: while its clients are sent away, relays still reach those who are left. If
   * it fails on one of them, it is done on the other one all the same.
   */
  async #onEach(end: (client: AdapterClient) => Promise<void> | undefined): Promise<void> {
    const providers = [this.primary, this.secondary];
    const outcomes: PromiseSettledResult<void>[] = [];
    for (const isLocal of [true, false]) {
      const group = providers.filter((provider) => provider.isLocal === isLocal);
      outcomes.push(...(await Promise.allSettled(group.map(async ({ client }) => end(client)))));
    }
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  }

  #onlineOn(on: PairedProvider, memberIds: readonly string[]): Promise<Iterable<string>> {
    return this.#inTime(on, 'The online members leave out', on.client.onlineMembers(memberIds));
  }

  #membersOn(on: PairedProvider, channel: string): Promise<Iterable<ChannelMember>> {
    return this.#inTime(on, "A channel's members leave out", on.client.channelMembers(channel));
  }

  /** The other provider's answer; nothing where it is late or fails, which is logged. */
  async #inTime<T>(
    { provider }: PairedProvider,
    failure: string,
    answer: Promise<Iterable<T>>,
  ): Promise<Iterable<T>> {
    const late = (): never => {
      throw new Error(`it took more than ${OTHER_PROVIDER_TIMEOUT_MS} ms`);
    };
    try {
      return await within(this.clock, OTHER_PROVIDER_TIMEOUT_MS, answer, late);
    } catch (error) {
      this.logger.warn(`${failure} the provider "${provider}": ${messageOf(error)}`);
      return [];
    }
  }
}
