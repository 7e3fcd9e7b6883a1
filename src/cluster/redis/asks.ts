import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../../ports/clock.js';
import type { AskAnswer, ClusterNode, MemberAsk } from '../../ports/cluster.js';
import { ANSWERS, type Bus } from './bus.js';
import type { RedisKeys } from './connection/redis-keys.js';

/** An ask of this node that other nodes may answer. */
interface PendingAsk {
  readonly timer: Timer;
  readonly answered: (answer: AskAnswer) => void;
}

/** The asks that go to other nodes, and those that come from them. A node hears answers from its first ask on. */
export class Asks {
  readonly #bus: Bus;
  readonly #keys: RedisKeys;
  readonly #clock: Clock;
  readonly #self: ClusterNode;
  readonly #pending = new Map<string, PendingAsk>();
  /** The name that this node hears answers on. */
  readonly #replyTo = ANSWERS + randomUUID();
  /** The subscription to that name; `undefined` while there is none. */
  #hearing: Promise<void> | undefined;

  constructor(bus: Bus, keys: RedisKeys, clock: Clock, self: ClusterNode) {
    this.#bus = bus;
    this.#keys = keys;
    this.#clock = clock;
    this.#self = self;
  }

  /** As `Cluster.ask`. */
  async ask(userChannel: string, ask: MemberAsk, answered: PendingAsk['answered']): Promise<void> {
    const timer = this.#clock.after(ask.timeoutMs, () => this.#pending.delete(ask.id));
    this.#pending.set(ask.id, { timer, answered });
    try {
      await this.#hear();
      await this.#bus.ask(userChannel, this.#replyTo, ask);
    } catch (error) {
      this.#end(ask.id);
      throw error;
    }
  }

  /** Another node asks a user of this one. */
  asked(userChannel: string, replyTo: string, ask: MemberAsk): void {
    this.#self.askedElsewhere(userChannel, ask, (answer) => {
      this.#bus.answer(replyTo, ask.id, answer).catch(() => {
        // The node that asked says that nobody answered. The bus has counted the loss.
      });
    });
  }

  /** Another node answers. */
  answered(id: string, answer: AskAnswer): void {
    const pending = this.#pending.get(id);
    if (answer.error === undefined) this.#end(id);
    pending?.answered(answer);
  }

  /** There is a new connection, without subscriptions. */
  restore(): void {
    if (this.#hearing === undefined) return;
    this.#hearing = undefined;
    this.#hear().catch(() => {
      // The next ask tries again.
    });
  }

  /** Forgets every ask. */
  close(): void {
    for (const id of this.#pending.keys()) this.#end(id);
  }

  #end(id: string): void {
    this.#pending.get(id)?.timer.cancel();
    this.#pending.delete(id);
  }

  #hear(): Promise<void> {
    this.#hearing ??= this.#bus.subscribe(this.#keys.bus(this.#replyTo)).catch((error: unknown) => {
      this.#hearing = undefined;
      throw error;
    });
    return this.#hearing;
  }
}
