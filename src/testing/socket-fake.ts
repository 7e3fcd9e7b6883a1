import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Faults } from '../adapters/memory/faults.js';
import { MemorySocketClient } from '../adapters/memory/memory-socket-client.js';
import type { ChannelAuthorization } from '../modules/socket/authorization/channel-authorization.js';
import type { SocketRuntime } from '../runtime/socket-runtime.js';
import type { Identity } from '../ports/authorization.js';
import { FakeMember } from './fake-member.js';
import { type Expected, isExpected, listing, type Relayed, relayedBy, wording } from './relayed.js';

/**
 * The provider `memory` in a test's hands: members who connect, a clock to move, failures to order, and assertions that
 * fail in sentences. `app.get(SocketFake)`, once `SocketTestingModule` is imported.
 */
export class SocketFake {
  readonly #runtime: SocketRuntime;
  readonly #authorization: ChannelAuthorization;
  readonly #client: MemorySocketClient;
  #forgotten = 0;

  constructor(runtime: SocketRuntime, authorization: ChannelAuthorization) {
    this.#runtime = runtime;
    this.#authorization = authorization;
    if (!(runtime.client instanceof MemorySocketClient))
      throw new TypeError('SocketFake needs the provider "memory": import SocketTestingModule');
    this.#client = runtime.client;
  }

  /** Opens a browser for a member: signed in and on the broadcast channel. Call it twice for two tabs. */
  async connect(member: string | Identity): Promise<FakeMember> {
    const identity = typeof member === 'string' ? { id: member } : member;
    const browser = new FakeMember(identity, this.#client.connect(), this.#authorization);
    browser.signIn();
    await browser.subscribe(this.#runtime.config.broadcastChannel);
    return browser;
  }

  /** Moves the engine's clock on: grace periods end, silent peers are pinged. */
  advance(milliseconds: number): void {
    this.#client.clock.advance(milliseconds);
    // What the clock has brought about is told before the test goes on.
    for (const { channelEvents } of this.#runtime.providers) channelEvents.flush();
  }

  /** Orders failures: the next call fails, is refused, times out, or everything fails until told. */
  get faults(): Faults {
    return this.#client.faults;
  }

  /** Everything the provider has accepted, oldest first. */
  get relayed(): readonly Relayed[] {
    return relayedBy(this.#client.accepted.slice(this.#forgotten));
  }

  /** Forgets what was relayed so far. */
  forget(): void {
    this.#forgotten = this.#client.accepted.length;
  }

  /** Waits until work that was started but not awaited, like a domain event's handler, has had its turn. */
  async settled(): Promise<void> {
    await nextTurn();
  }

  /** Runs something and returns what it made the application relay. */
  async captured(run: () => unknown): Promise<readonly Relayed[]> {
    const before = this.relayed.length;
    await run();
    await this.settled();
    return this.relayed.slice(before);
  }

  /** @throws SocketAssertionError unless the event went to the member; with a payload or a predicate, unless that fits too */
  assertRelayed(memberId: string, event: string, ...expected: [Expected?]): void {
    this.#assert('member', memberId, `to be relayed to member "${memberId}"`, event, expected);
  }

  /** @throws SocketAssertionError unless the event went to the channel */
  assertRelayedToChannel(channel: string, event: string, ...expected: [Expected?]): void {
    this.#assert('channel', channel, `to be relayed to channel "${channel}"`, event, expected);
  }

  /** @throws SocketAssertionError unless the event was broadcast */
  assertBroadcast(event: string, ...expected: [Expected?]): void {
    this.#assert('broadcast', this.#runtime.config.broadcastChannel, 'to be broadcast', event, expected);
  }

  /** @throws SocketAssertionError when anything was relayed, broadcast or disconnected: to this member, or at all */
  assertNothingRelayed(memberId?: string): void {
    const found = this.relayed.filter(({ kind, to }) => {
      return memberId === undefined || ((kind === 'member' || kind === 'disconnect') && to === memberId);
    });
    const whom = memberId === undefined ? 'anybody' : `member "${memberId}"`;
    if (found.length > 0) fail(`Expected nothing to be relayed to ${whom}, but this was:${listing(found)}`);
  }

  /** @throws SocketAssertionError unless the application disconnected the member */
  assertDisconnected(memberId: string): void {
    const disconnected = this.relayed.filter(({ kind }) => kind === 'disconnect').map(({ to }) => to);
    if (disconnected.includes(memberId)) return;
    const others = disconnected.length === 0 ? 'nobody was' : `only these were: ${disconnected.join(', ')}`;
    fail(`Expected member "${memberId}" to be disconnected, but ${others}.`);
  }

  #assert(
    kind: Relayed['kind'],
    to: string,
    where: string,
    event: string,
    expected: readonly [Expected?],
  ): void {
    const there = this.relayed.filter((relayed) => relayed.kind === kind && relayed.to === to);
    if (there.some((relayed) => isExpected(relayed, event, expected))) return;
    const found = there.length === 0 ? 'nothing was.' : `this was:${listing(there)}`;
    fail(`Expected ${wording(event, expected)} ${where}, but ${found}`);
  }
}

/** What a failed assertion of the fake throws. Its message is a sentence that lists what did arrive. */
export class SocketAssertionError extends Error {
  override readonly name = 'SocketAssertionError';
}

function fail(message: string): never {
  throw new SocketAssertionError(message);
}
