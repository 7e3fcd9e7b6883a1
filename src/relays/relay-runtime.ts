import type { Clock } from '../ports/clock.js';
import type { HistoryReader, RelayClaims } from '../ports/history.js';
import type { AdapterClient } from '../ports/relay-client.js';
import type { ProviderHealth } from '../ports/socket-client.js';
import type { Provider, SocketConfig } from '../ports/socket-config.js';
import type { ChannelEventFeed } from './channel-listeners.js';
import type { DeliveryListener, RelayDelivery } from './relay-delivery.js';

/** The started provider behind {@link Relays}. `SocketRuntime` is one. */
export interface RelayRuntime {
  readonly config: SocketConfig;
  /** The port that relays go to. */
  readonly client: AdapterClient;
  readonly clock: Clock;
  /** The name of the provider in force now; of two providers it can change. */
  readonly provider: Provider;
  readonly channelEvents: ChannelEventFeed;
  /** Whether the log of a channel with history delivers a second event with the same key to nobody, on every provider. */
  readonly keepsKeys: boolean;
  /** The claims of relays with idempotency keys. */
  readonly claims: RelayClaims;
  /** Whether the provider encrypts the events of encrypted channels. */
  readonly hasEncryptedChannels: boolean;
  /** The logs of the channels with history; `undefined` where the provider in force keeps none. */
  readonly history: HistoryReader | undefined;
  /** The provider's health, asked now; `down` from the beginning of a shutdown. Never rejects. */
  health(): Promise<ProviderHealth>;
  /** Calls the listener once everything is closed. */
  onClosed(listener: () => void): void;
  /** Makes the delivery that retries or queues; `undefined` where each relay is attempted once. */
  deliver(listener: DeliveryListener): RelayDelivery | undefined;
}
