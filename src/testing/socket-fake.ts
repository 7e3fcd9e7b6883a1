import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Faults } from '../adapters/memory/faults.js';
import { MemorySocketClient } from '../adapters/memory/memory-socket-client.js';
import type { ChannelAuthorization } from '../modules/socket/authorization/channel-authorization.js';
import type { MessageHandlers } from '../modules/socket/handlers/message-handlers.js';
import { kindOf } from '../ports/arguments.js';
import type { Identity } from '../ports/authorization.js';
import type { EventName } from '../ports/event-map.js';
import { shown } from '../ports/logger.js';
import type { SocketRuntime } from '../runtime/socket-runtime.js';
import type { ExpectedPayload } from './expected-payload.js';
import { FakeMember } from './fake-member.js';
import { type Expected, isExpected, listing, type Relayed, relayedBy, wording } from './relayed.js';
import { requireText } from './test-arguments.js';

/**
 * The provider `memory`, controlled by a test: members connect, the test moves the clock and orders failures, and a failed
 * assertion's message is a sentence. Get it with `app.get(SocketFake)`, after an import of `SocketTestingModule`.
 */
export class SocketFake {
  readonly #runtime: SocketRuntime;
  readonly #authorization: ChannelAuthorization;
  readonly #handlers: MessageHandlers;
  readonly #client: MemorySocketClient;
  #forgotten = 0;

  constructor(runtime: SocketRuntime, authorization: ChannelAuthorization, handlers: MessageHandlers) {
    this.#runtime = runtime;
    this.#authorization = authorization;
    this.#handlers = handlers;
    if (!(runtime.client instanceof MemorySocketClient))
      throw new TypeError('SocketFake needs the provider "memory": import SocketTestingModule');
    this.#client = runtime.client;
  }

  /** Opens a browser for a member: signed in, and subscribed to the broadcast channel. Call it twice for two tabs. */
  async connect(member: string | Identity): Promise<FakeMember> {
    if (typeof member !== 'string')
      requireText('connect(member): the id of member', (Object(member) as Partial<Identity>).id);
    const identity = typeof member === 'string' ? { id: member } : member;
    // A test can use the module without starting the application.
    await this.#handlers.start();
    const runtime = this.#runtime;
    const provider = { history: runtime.history, connect: () => this.#client.connect() };
    const browser = new FakeMember(identity, provider, this.#authorization);
    browser.signIn();
    await browser.subscribe(runtime.config.broadcastChannel);
    return browser;
  }

  /** Moves the clock forward: grace periods end, delayed relays are sent, silent connections are pinged. */
  advance(milliseconds: number): void {
    if (!Number.isFinite(milliseconds) || milliseconds < 0) {
      const what = 'advance(milliseconds): milliseconds must be a number from 0 on';
      throw new TypeError(`${what}, because the clock never goes back; it is ${shown(milliseconds)}`);
    }
    this.#client.clock.advance(milliseconds);
    // The listeners get the events of this time before the test goes on.
    for (const { channelEvents } of this.#runtime.providers) channelEvents.flush();
  }

  /** Orders failures: the next call fails, is refused or times out, or every call fails until the test ends that. */
  get faults(): Faults {
    return this.#client.faults;
  }

  /** Everything that the provider has accepted since the last `forget()`, the oldest first. */
  get relayed(): readonly Relayed[] {
    return relayedBy(this.#client.accepted.slice(this.#forgotten));
  }

  /** Empties {@link relayed}. */
  forget(): void {
    this.#forgotten = this.#client.accepted.length;
  }

  /** Waits one turn of the event loop, so that work which was not awaited, like a domain event's handler, can run. */
  async settled(): Promise<void> {
    await nextTurn();
  }

  /** Runs a function, and returns the relays that the application made during it. */
  async captured(run: () => unknown): Promise<readonly Relayed[]> {
    if (typeof run !== 'function')
      throw new TypeError(`captured(run): run must be a function; it is ${kindOf(run)}`);
    const before = this.relayed.length;
    await run();
    await this.settled();
    return this.relayed.slice(before);
  }

  /** @throws SocketAssertionError unless the event was relayed to the member, with the expected payload if there is one */
  assertRelayed<E extends EventName>(memberId: string, event: E, ...expected: [ExpectedPayload<E>?]): void {
    requireText('assertRelayed(memberId, event): memberId', memberId);
    this.#assert('member', memberId, `to be relayed to member "${memberId}"`, event, expected);
  }

  /** @throws SocketAssertionError unless the event was relayed to the channel, with the expected payload if there is one */
  assertRelayedToChannel<E extends EventName>(
    channel: string,
    event: E,
    ...expected: [ExpectedPayload<E>?]
  ): void {
    requireText('assertRelayedToChannel(channel, event): channel', channel);
    this.#assert('channel', channel, `to be relayed to channel "${channel}"`, event, expected);
  }

  /** @throws SocketAssertionError unless the event was broadcast, with the expected payload if there is one */
  assertBroadcast<E extends EventName>(event: E, ...expected: [ExpectedPayload<E>?]): void {
    this.#assert('broadcast', this.#runtime.config.broadcastChannel, 'to be broadcast', event, expected);
  }

  /** @throws SocketAssertionError if there was a relay, a broadcast or a disconnect: of this member, or without an id of anybody */
  assertNothingRelayed(memberId?: string): void {
    if (memberId !== undefined) requireText('assertNothingRelayed(memberId): memberId', memberId);
    const found = this.relayed.filter(({ kind, to }) => {
      return memberId === undefined || ((kind === 'member' || kind === 'disconnect') && to === memberId);
    });
    const recipient = memberId === undefined ? 'anybody' : `member "${memberId}"`;
    if (found.length > 0)
      fail(`Expected nothing to be relayed to ${recipient}, but this was:${listing(found)}`);
  }

  /** @throws SocketAssertionError unless the application disconnected the member */
  assertDisconnected(memberId: string): void {
    requireText('assertDisconnected(memberId): memberId', memberId);
    const disconnected = this.relayed.filter(({ kind }) => kind === 'disconnect').map(({ to }) => to);
    if (disconnected.includes(memberId)) return;
    const others = disconnected.length === 0 ? 'nobody was' : `only these were: ${disconnected.join(', ')}`;
    fail(`Expected member "${memberId}" to be disconnected, but ${others}.`);
  }

  #assert(
    kind: Relayed['kind'],
    to: string,
    expectation: string,
    event: string,
    expected: readonly [Expected?],
  ): void {
    requireText('The event of the assertion', event);
    const there = this.relayed.filter((relayed) => relayed.kind === kind && relayed.to === to);
    if (there.some((relayed) => isExpected(relayed, event, expected))) return;
    const found = there.length === 0 ? 'nothing was.' : `this was:${listing(there)}`;
    fail(`Expected ${wording(event, expected)} ${expectation}, but ${found}`);
  }
}

/** The error of a failed assertion of `SocketFake`. Its message is a sentence that lists the relays that there were. */
export class SocketAssertionError extends Error {
  override readonly name = 'SocketAssertionError';
}

function fail(message: string): never {
  throw new SocketAssertionError(message);
}
