import { inject, injectable } from 'inversify';
import { onceKey } from '../history/once-key.js';
import type { SocketDeliveryError, SocketUnavailableError } from '../ports/errors.js';
import { membersUnknown, notAsked, notRemoved, unanswered, unavailable } from '../ports/losses.js';
import { Payload } from '../ports/payload.js';
import type { Relay } from '../ports/relay.js';
import { RelayClient } from '../ports/relay-client.js';
import type { ChannelMember, ProviderHealth } from '../ports/socket-client.js';
import { SOCKET_CONFIG, type SocketConfig } from '../ports/socket-config.js';
import { userChannel } from '../protocol/channel-name.js';
import { dataFor } from '../protocol/encryption.js';
import { ChannelEngine } from './channel-engine.js';
import type { MissedUsers } from './user-events.js';

/** Makes the error of a question that is refused. */
export type QuestionError = (isRetryable: boolean, reason: string, cause?: unknown) => SocketDeliveryError;

/**
 * The port over this process's own channel engine: the common part of the adapters `memory` and `ws`. An event is delivered
 * before the call returns, so no queue is needed to keep the order of the calls.
 */
@injectable()
export class EngineSocketClient extends RelayClient {
  /** Whether it serves its connections, but accepts no new ones. */
  protected isDraining = false;
  readonly #isSentAgain: boolean;
  #isClosed = false;

  constructor(
    @inject(ChannelEngine) protected readonly engine: ChannelEngine,
    @inject(SOCKET_CONFIG) protected readonly config: SocketConfig,
  ) {
    super(config.broadcastChannel);
    this.#isSentAgain = config.second !== undefined || config.delivery.mode === 'queue';
  }

  async send(relay: Relay): Promise<void> {
    if (this.#isClosed) throw this.#unavailable(relay, CLOSED);
    this.accept(relay);
    // On a single node, and to few members, nothing has to be awaited.
    if (relay.kind === 'members') {
      const missed = this.#deliverToMembers(relay);
      if (missed !== undefined) await this.#settle(relay, missed);
    } else {
      const outcome = this.#deliver(relay);
      if (outcome !== undefined) await this.#reached(relay, outcome);
    }
  }

  async onlineMembers(memberIds: readonly string[]): Promise<ReadonlySet<string>> {
    const { provider } = this.config;
    if (this.#isClosed) throw unanswered(provider, true, CLOSED, { lost: memberIds });
    this.acceptQuestion((isRetryable, reason, cause) =>
      unanswered(provider, isRetryable, reason, { lost: memberIds, cause }),
    );
    try {
      return await this.engine.online(memberIds);
    } catch (cause) {
      throw unanswered(provider, true, UNREACHABLE, { lost: memberIds, cause });
    }
  }

  override async channelMembers(channel: string): Promise<readonly ChannelMember[]> {
    const { provider } = this.config;
    if (this.#isClosed) throw membersUnknown(provider, true, channel, CLOSED);
    this.acceptQuestion((isRetryable, reason, cause) =>
      membersUnknown(provider, isRetryable, channel, reason, { cause }),
    );
    try {
      const members = await this.engine.members(channel);
      return members.map(({ id, info }) => (info === undefined ? { id } : { id, info }));
    } catch (cause) {
      throw membersUnknown(provider, true, channel, UNREACHABLE, { cause });
    }
  }

  override async removeFromChannel(channel: string, memberId: string): Promise<void> {
    const { provider } = this.config;
    if (this.#isClosed) throw notRemoved(provider, true, channel, memberId, CLOSED);
    this.acceptQuestion((isRetryable, reason, cause) =>
      notRemoved(provider, isRetryable, channel, memberId, reason, cause),
    );
    try {
      await this.engine.removeEverywhere(channel, memberId);
    } catch (cause) {
      throw notRemoved(provider, true, channel, memberId, UNREACHABLE, cause);
    }
  }

  override async askMember(
    memberId: string,
    event: string,
    payload: unknown,
    timeoutMs: number,
  ): Promise<unknown> {
    const { provider } = this.config;
    if (this.#isClosed) throw notAsked(provider, true, memberId, CLOSED);
    this.acceptQuestion((isRetryable, reason, cause) =>
      notAsked(provider, isRetryable, memberId, reason, cause),
    );
    return this.engine.ask(memberId, event, Payload.of(payload).json, timeoutMs);
  }

  async health(): Promise<ProviderHealth> {
    if (this.#isClosed) return { status: 'down', connections: 0, reason: 'closed' };
    const { connections, node, statistics, problem } = this.engine;
    const reason = this.isDraining ? 'draining' : problem;
    const status = problem === undefined ? 'up' : 'degraded';
    return {
      status: this.isDraining ? 'down' : status,
      connections,
      ...(node !== undefined && { node }),
      ...(statistics !== undefined && { cluster: statistics }),
      ...(reason !== undefined && { reason }),
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.engine.close();
  }

  /** Called with every relay before it is delivered. A throw refuses the relay. */
  protected accept(_relay: Relay): void {
    // Accepts everything.
  }

  /** Called before every question and removal. A throw refuses it. */
  protected acceptQuestion(_errorOf: QuestionError): void {
    // Accepts everything.
  }

  /** @returns the outcome; `undefined` where no other node has to be reached */
  #deliver(relay: Relay): Promise<void> | undefined {
    const { kind, recipients, event, payload, exceptSocketId } = relay;
    const [recipient] = recipients;
    if (recipient === undefined) return undefined;
    if (event === undefined) return this.engine.terminateEverywhere(userChannel(recipient));
    const channel = kind === 'member' ? userChannel(recipient) : recipient;
    const data = dataFor(channel, this.config.encryptionMasterKey, payload?.json);
    return this.engine.publish(channel, event, data, exceptSocketId, this.#keyOf(relay));
  }

  #deliverToMembers(relay: Relay): Promise<readonly MissedUsers[]> | undefined {
    const { recipients, event = '', payload, exceptSocketId } = relay;
    return this.engine.publishToUsers(recipients, event, payload?.json, exceptSocketId, this.#keyOf(relay));
  }

  /** Names a relay that may come twice: the caller has named it, or a queue or a second provider sends it again. */
  #keyOf(relay: Relay): string | undefined {
    return onceKey(relay, this.#isSentAgain);
  }

  /** @throws SocketUnavailableError when the other nodes could not be reached */
  async #reached(relay: Relay, outcome: Promise<void>): Promise<void> {
    try {
      await outcome;
    } catch (cause) {
      throw this.#unavailable(relay, UNREACHABLE, relay.recipients, cause);
    }
  }

  /** @throws SocketUnavailableError that names the members for whom the other nodes could not be reached */
  async #settle(relay: Relay, outcome: Promise<readonly MissedUsers[]>): Promise<void> {
    const missed = await outcome;
    const [first] = missed;
    if (first === undefined) return;
    const lost = missed.flatMap(({ userIds }) => userIds);
    throw this.#unavailable(relay, UNREACHABLE, lost, first.cause);
  }

  #unavailable(
    relay: Relay,
    reason: string,
    lost = relay.recipients,
    cause?: unknown,
  ): SocketUnavailableError {
    return unavailable(this.config.provider, relay, reason, { lost, cause });
  }
}

const CLOSED = 'It is closed';
const UNREACHABLE = 'Other nodes cannot be reached';
