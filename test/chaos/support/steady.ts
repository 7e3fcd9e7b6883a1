import { setTimeout as delay } from 'node:timers/promises';
import type { Member } from '../../support/cluster/member.js';
import { eventually } from '../../support/cluster/waiting.js';
import { onTeardown } from '../../support/teardown.js';
import { type Hearing, ledger, type LedgerFigures, type Relay } from './ledger.js';

/** The event that the steady traffic is, unless several have to be told apart. */
export const STEADY = 'STEADY';

/** Relays to a member, and resolves with what its caller is told. */
export type RelayTo = (member: string, n: number) => Promise<{ readonly status: Relay['status'] }>;

/** A relay to each of some members in turn, again and again, without waiting for receipts. Ends with the test at the latest. */
export class Steady {
  readonly relays: Relay[] = [];
  readonly #heard = new Map<string, Hearing[]>();
  readonly #running: Promise<void>;
  #calls = 0;
  #isOver = false;

  constructor(
    private readonly members: readonly string[],
    private readonly relay: RelayTo,
    private readonly everyMs: number,
    /** Resolves when more can be taken: a slow machine gets no more than it can do. */
    private readonly room: (steady: Steady) => Promise<void> = () => Promise.resolve(),
  ) {
    this.#running = this.#run();
    // A failure is reported to the caller that stops it.
    this.#running.catch(() => undefined);
    onTeardown(() => this.stop().catch(() => undefined));
  }

  /** Traffic to members whose browsers are these, written down as they hear it. */
  static to(members: readonly Member[], relay: RelayTo, everyMs: number, event = STEADY): Steady {
    const ids = members.map(({ id }) => id);
    const steady = new Steady(ids, relay, everyMs);
    for (const { id, pusher } of members) {
      pusher.user.bind(event, ({ n }: { n: number }) => {
        steady.hears(id, n, pusher.connection.socket_id);
      });
    }
    return steady;
  }

  /** How many calls were made. */
  get calls(): number {
    return this.#calls;
  }

  /** How many calls have no receipt yet. */
  get unanswered(): number {
    return this.#calls - this.relays.length;
  }

  /** Writes down that a member heard one, on which connection. */
  hears(member: string, n: number, visit: string): void {
    const heard = this.#heard.get(member);
    if (heard === undefined) this.#heard.set(member, [{ n, visit }]);
    else heard.push({ n, visit });
  }

  /** Resolves when so many more calls have been made. */
  async goesOn(calls: number, withinMs = 30_000): Promise<void> {
    const from = this.#calls;
    await eventually(withinMs, () => {
      expect(this.#calls).toBeGreaterThanOrEqual(from + calls);
    });
  }

  /** Resolves when every member has heard one that was called for from now on. */
  async isHeardByAll(withinMs = 30_000): Promise<void> {
    const from = this.#calls;
    await eventually(withinMs, () => {
      const deaf = this.members.filter((id) => (this.#heard.get(id)?.at(-1)?.n ?? -1) < from);
      expect(deaf).toEqual([]);
    });
  }

  /** Makes no more calls, and waits for all receipts; fails when a call failed otherwise than with a receipt. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  /** The outcome of all relays by now. */
  get figures(): LedgerFigures {
    return ledger(this.relays, this.#heard);
  }

  /** The outcome by now of the relays to one member. */
  figuresOf(id: string): LedgerFigures {
    const relays = this.relays.filter(({ member }) => member === id);
    return ledger(relays, new Map([[id, this.#heard.get(id) ?? []]]));
  }

  async #run(): Promise<void> {
    const calls: Promise<void>[] = [];
    while (!this.#isOver) {
      for (const member of this.members) {
        const call = this.#call(member, this.#calls++);
        call.catch(() => {
          this.#isOver = true;
        });
        calls.push(call);
      }
      await delay(this.everyMs);
      await this.room(this);
    }
    await Promise.all(calls);
  }

  async #call(member: string, n: number): Promise<void> {
    const start = performance.now();
    const { status } = await this.relay(member, n);
    this.relays.push({ n, member, status, ms: performance.now() - start });
  }
}
