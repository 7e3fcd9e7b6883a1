import { randomUUID } from 'node:crypto';
import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { ChannelEventSource } from '../../channels/channel-event-source.js';
import type { ChannelEventName } from '../../ports/channel-events.js';
import { type Order, perform } from '../../delivery/order.js';
import type { RelayDelivery } from '../../delivery/relay-delivery.js';
import { SocketDeliveryError } from '../../ports/errors.js';
import type { EventName, PayloadOf } from '../../ports/event-map.js';
import type { ISocketClient, ProviderHealth, RelayOptions } from '../../ports/socket-client.js';
import type { Provider } from '../../ports/socket-config.js';
import { AfterCommit } from './after-commit.js';
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
 * rejects with a `SocketDeliveryError` instead. Where the provider is tried again and that can help, it resolves with
 * `queued` after the first attempt, and only what is lost in the end is logged, counted as failed and told.
 */
@Injectable()
export class SocketService implements OnApplicationShutdown {
  private readonly logger = new Logger(SocketService.name);
  private readonly client: ISocketClient;
  readonly #delivery: RelayDelivery | undefined;
  readonly #listeners: ChannelListeners;
  readonly #afterCommit = new AfterCommit(this.logger);
  #sent = 0;
  #failed = 0;

  constructor(
    private readonly runtime: SocketRuntime,
    @Inject(SOCKET_OPTIONS) private readonly options: SocketModuleOptions,
  ) {
    this.client = runtime.client;
    this.#delivery = runtime.deliver({
      waits: ({ id, event }, { message }) => {
        this.logger.warn(`Relay ${id} (${event ?? 'disconnect'}) waits to be tried again: ${message}`);
      },
      arrived: () => {
        this.#sent++;
      },
      lost: ({ id, event }, error, isFirst) => {
        if (isFirst) this.#failed++;
        this.#report({ id, event, error });
      },
    });
    this.#listeners = new ChannelListeners(runtime.container.get(ChannelEventSource), this.logger);
  }

  /** The provider in force. */
  get provider(): Provider {
    return this.runtime.config.provider;
  }

  /**
   * How many calls the provider accepted and how many it did not, be it for one of many members, since the process started;
   * how many wait to be tried again now; and how many attempts were made after a first one.
   */
  get relays(): {
    readonly sent: number;
    readonly failed: number;
    readonly queued: number;
    readonly retried: number;
  } {
    const { queued = 0, retried = 0 } = this.#delivery ?? {};
    return { sent: this.#sent, failed: this.#failed, queued, retried };
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
      return (id) => this.#carry({ id, kind: 'member', to: [memberId], event, payload: checked, options });
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
      const to = [...memberIds];
      return (id) => this.#carry({ id, kind: 'members', to, event, payload: checked, options });
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
      return (id) => this.#carry({ id, kind: 'channel', to: [channel], event, payload: checked, options });
    });
  }

  /** Sends an event to everybody on the broadcast channel. */
  broadcast<E extends EventName>(event: E, ...[payload, options]: Rest<E>): Promise<Receipt> {
    return this.#attempt(event, () => {
      const checked = checkRelay(event, payload, options, this.#maximumBytes);
      const to = [this.runtime.config.broadcastChannel];
      return (id) => this.#carry({ id, kind: 'broadcast', to, event, payload: checked, options });
    });
  }

  /** Ends every signed-in connection of a member, whose client then stops trying. It may sign in again if `identify` lets it. */
  disconnectMember(memberId: string): Promise<Receipt> {
    return this.#attempt(undefined, () => {
      checkMemberId(memberId);
      return (id) => this.#carry({ id, kind: 'disconnect', to: [memberId] });
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

  /**
   * Runs a transaction, and sends what is relayed in it once it has committed: `work` is the transaction from its begin to
   * its commit, and what it resolves with is returned.
   *
   * Every relay, broadcast and disconnect within it, awaited or not and in handlers of domain events too, is checked and its
   * payload read at once, and resolves at once with a receipt that says `queued`. When `work` resolves, they leave in the
   * order they were made, and are not waited for; their failures are logged and told to `onRelayError`, also with
   * `SOCKET_FAILURE=throw`. When it rejects, nothing leaves, and the rejection passes on.
   *
   * Within another `afterCommit` it is a savepoint: its relays wait for the outermost commit, and its own rollback drops its
   * own only. What is made after the end by something that was begun within leaves at once after a commit, and is logged and
   * `dropped` after a rollback.
   */
  afterCommit<T>(work: () => Promise<T>): Promise<T> {
    return this.#afterCommit.run(work);
  }

  /** Once everything is closed, so that what happens on the way out is still told. */
  onApplicationShutdown(): void {
    this.#listeners.release();
  }

  /** How the provider is doing, asked now, and what waits for it. Never rejects. */
  async health(): Promise<ProviderHealth> {
    const health = await this.client.health();
    return this.#delivery === undefined ? health : { ...health, delivery: await this.#delivery.health() };
  }

  get #maximumBytes(): number {
    return this.runtime.config.gateway.limits.eventBytes;
  }

  /**
   * What `check` throws is a rejection like what it returns rejects with: these methods never throw.
   *
   * @param heldAs the message id of what was checked and held back before: that is sent now, and its failure reported, because
   * its caller cannot be reached any more
   */
  async #attempt(
    event: string | undefined,
    check: () => (id: string) => Promise<unknown>,
    heldAs?: string,
  ): Promise<Receipt> {
    const id = heldAs ?? randomUUID();
    try {
      const send = check();
      if (heldAs === undefined && this.#afterCommit.isEntered) {
        const held = this.#afterCommit.take({ id, event, send: () => this.#attempt(event, () => send, id) });
        if (held !== undefined) return { id, status: held };
      }
      if ((await send(id)) === 'queued') return { id, status: 'queued' };
      this.#sent++;
      return { id, status: 'sent' };
    } catch (error) {
      if (error instanceof SocketDeliveryError) this.#failed++;
      if (!this.#isReported(error, heldAs !== undefined)) throw error;
      this.#report({ id, event, error });
      return { id, status: 'failed', error };
    }
  }

  /** Resolves with `queued` where it will be tried again, and with anything else where the provider has accepted it. */
  #carry(order: Order): Promise<unknown> {
    return this.#delivery === undefined ? perform(this.client, order) : this.#delivery.send(order);
  }

  #isReported(error: unknown, always = false): error is SocketDeliveryError {
    return error instanceof SocketDeliveryError && (always || this.runtime.config.failure === 'report');
  }

  #report(lost: LostRelay): void {
    this.logger.error(`Relay ${lost.id} (${lost.event ?? 'disconnect'}) was lost: ${lost.error.message}`);
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
