import { randomUUID } from 'node:crypto';
import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { ChannelEventSource } from '../../channels/channel-event-source.js';
import type { ChannelEventName } from '../../ports/channel-events.js';
import { SocketDeliveryError } from '../../ports/errors.js';
import type { EventName, PayloadOf } from '../../ports/event-map.js';
import type { ISocketClient, ProviderHealth, RelayOptions } from '../../ports/socket-client.js';
import type { Provider } from '../../ports/socket-config.js';
import { type ChannelListener, ChannelListeners } from './channel-listeners.js';
import type { Receipt } from './receipt.js';
import { checkChannel, checkEncryptedSize, checkMemberId, checkRelay } from './relay-checks.js';
import { type LostRelay, SOCKET_OPTIONS, type SocketModuleOptions } from './socket-options.js';
import { SocketRuntime } from './socket-runtime.js';

/**
 * The arguments after the event's name: an event declared without payload (`undefined`) needs none, every other one its
 * own.
 */
type Rest<E extends EventName> =
  undefined extends PayloadOf<E>
    ? [payload?: PayloadOf<E>, options?: RelayOptions]
    : [payload: PayloadOf<E>, options?: RelayOptions];

/**
 * What business code injects. It checks every call once, on every provider alike, gives each relay its message id, and
 * applies the failure policy.
 *
 * A caller's mistake always rejects with a `SocketUsageError` before anything is sent. A provider's failure resolves with
 * a receipt whose status is `failed`, is logged, counted and told to `onRelayError`; with `SOCKET_FAILURE=throw` it
 * rejects with a `SocketDeliveryError` instead.
 */
@Injectable()
export class SocketService implements OnApplicationShutdown {
  private readonly logger = new Logger(SocketService.name);
  private readonly client: ISocketClient;
  readonly #listeners: ChannelListeners;
  #sent = 0;
  #failed = 0;

  constructor(
    private readonly runtime: SocketRuntime,
    @Inject(SOCKET_OPTIONS) private readonly options: SocketModuleOptions,
  ) {
    this.client = runtime.client;
    this.#listeners = new ChannelListeners(runtime.container.get(ChannelEventSource), this.logger);
  }

  /** The provider in force. */
  get provider(): Provider {
    return this.runtime.config.provider;
  }

  /** How many relays the provider accepted and how many were lost, since the process started. */
  get relays(): { readonly sent: number; readonly failed: number } {
    return { sent: this.#sent, failed: this.#failed };
  }

  /** Sends an event to one member, wherever and however often that member is connected. */
  relayToMember<E extends EventName>(
    memberId: string,
    event: E,
    ...[payload, options]: Rest<E>
  ): Promise<Receipt> {
    return this.#attempt(event, () => {
      checkMemberId(memberId);
      const checked = checkRelay(event, payload, options, this.#maximumBytes);
      return this.client.relayToMember(memberId, event, checked, options);
    });
  }

  /** Sends one event to several members; an id that is listed twice is sent to once. Nobody listed is no error. */
  relayToMembers<E extends EventName>(
    memberIds: readonly string[],
    event: E,
    ...[payload, options]: Rest<E>
  ): Promise<Receipt> {
    return this.#attempt(event, () => {
      memberIds.forEach(checkMemberId);
      const checked = checkRelay(event, payload, options, this.#maximumBytes);
      return this.client.relayToMembers(memberIds, event, checked, options);
    });
  }

  /** Sends an event to everybody subscribed to a channel. */
  relayToChannel<E extends EventName>(
    channel: string,
    event: E,
    ...[payload, options]: Rest<E>
  ): Promise<Receipt> {
    return this.#attempt(event, () => {
      checkChannel(channel, this.runtime.config.encryptionMasterKey !== undefined);
      const checked = checkRelay(event, payload, options, this.#maximumBytes);
      checkEncryptedSize(channel, checked, event, this.#maximumBytes);
      return this.client.relayToChannel(channel, event, checked, options);
    });
  }

  /** Sends an event to everybody on the broadcast channel. */
  broadcast<E extends EventName>(event: E, ...[payload, options]: Rest<E>): Promise<Receipt> {
    return this.#attempt(event, () => {
      const checked = checkRelay(event, payload, options, this.#maximumBytes);
      return this.client.broadcast(event, checked, options);
    });
  }

  /** Ends every signed-in connection of a member, whose client then stops trying. It may sign in again if `identify` lets it. */
  disconnectMember(memberId: string): Promise<Receipt> {
    return this.#attempt(undefined, () => {
      checkMemberId(memberId);
      return this.client.disconnectMember(memberId);
    });
  }

  /**
   * Which of these members are signed in somewhere right now; `undefined` when the provider could not say (logged, and
   * with `SOCKET_FAILURE=throw` an error).
   */
  async onlineMembers(memberIds: readonly string[]): Promise<ReadonlySet<string> | undefined> {
    memberIds.forEach(checkMemberId);
    try {
      return await this.client.onlineMembers(memberIds);
    } catch (error) {
      if (!this.#isReported(error)) throw error;
      this.logger.warn(`The provider could not say who is online: ${error.message}`);
      return undefined;
    }
  }

  /**
   * Calls back with what happens on channels, at once and in order, until the application is closed or the returned
   * function is called. On `pusher` that takes a webhook to `/socket/webhook` in the app's settings there.
   *
   * What a listener throws or rejects with is logged and harms nobody.
   */
  onChannelEvent<N extends ChannelEventName>(name: N, listener: ChannelListener<N>): () => void {
    return this.#listeners.add(name, listener);
  }

  /** Once everything is closed, so that what happens on the way out is still told. */
  onApplicationShutdown(): void {
    this.#listeners.release();
  }

  /** How the provider is doing, asked now. Never rejects. */
  health(): Promise<ProviderHealth> {
    return this.client.health();
  }

  get #maximumBytes(): number {
    return this.runtime.config.gateway.limits.eventBytes;
  }

  /** What `send` throws is a rejection like what it rejects with: these methods never throw. */
  async #attempt(event: string | undefined, send: () => Promise<void>): Promise<Receipt> {
    const id = randomUUID();
    try {
      await send();
      this.#sent++;
      return { id, status: 'sent' };
    } catch (error) {
      if (error instanceof SocketDeliveryError) this.#failed++;
      if (!this.#isReported(error)) throw error;
      this.logger.error(`Relay ${id} (${event ?? 'disconnect'}) was lost: ${error.message}`);
      this.#tell({ id, event, error });
      return { id, status: 'failed', error };
    }
  }

  #isReported(error: unknown): error is SocketDeliveryError {
    return error instanceof SocketDeliveryError && this.runtime.config.failure === 'report';
  }

  #tell(lost: LostRelay): void {
    const failed = (error: unknown) => {
      this.logger.error(`onRelayError failed for relay ${lost.id}: ${String(error)}`);
    };
    try {
      // It may be async, although its type does not ask for it.
      void Promise.resolve(this.options.onRelayError?.(lost)).catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}
