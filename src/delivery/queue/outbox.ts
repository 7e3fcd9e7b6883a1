import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import type { Clock, Timer } from '../../ports/clock.js';
import { reasonOf } from '../../redis/redis-options.js';
import { type Script, script } from '../../redis/redis-scripts.js';
import type { QueueLink } from './queue-link.js';

/** Milliseconds until a caller is told that it is not known whether Redis has an addition. */
const ANSWER_WITHIN_MS = 3_000;
/** The wait before additions are sent again over the same connection. */
const AGAIN_MS = 50;
/** Redis remembers for so long which additions of a process it has carried out. */
const REMEMBERED_MS = 3_600_000;

/** The answer to an addition that came too early: an earlier one is missing. */
const GAP = 'gap';
/** The answer to an addition that was carried out, and not refused. */
const DONE = '';

/**
 * Makes a script that adds something to the queue, for {@link Outbox.add}. Its own keys are from KEYS[3] on, and its values from
 * ARGV[4] on. It answers with `DONE`, or with `refuse` and the reason.
 *
 * Each process numbers its additions. Redis carries a number out once, and none before an earlier one that its process still
 * waits for. So an addition that is sent again after a cut, or that comes late from a connection that was cut, breaks no order
 * and is not doubled. ARGV: the number, the lowest one that the process waits for, and how long they are remembered.
 */
export function additionScript(text: string): Script {
  return script(`
local DONE, sender, refusals, number = '${DONE}', KEYS[1], KEYS[2], tonumber(ARGV[1])
local awaited = tonumber(ARGV[2])
local last = tonumber(redis.call('GET', sender) or awaited - 1)
if number <= last then return redis.call('HGET', refusals, number) or DONE end
if number > math.max(last + 1, awaited) then return '${GAP}' end
redis.call('SET', sender, number, 'PX', ARGV[3])
local function refuse(reason)
  redis.call('HSET', refusals, number, reason)
  redis.call('PEXPIRE', refusals, ARGV[3])
  return reason
end
${text}`);
}

/** Something that Redis has to carry out, and has not answered yet. */
interface Addition {
  readonly number: number;
  readonly script: Script;
  readonly keys: readonly string[];
  readonly values: readonly (string | number)[];
  /** When its caller is told that there is no answer, on the clock's {@link Clock.now}. */
  readonly until: number;
  readonly resolve: (refusal: string | undefined) => void;
  readonly reject: (error: NotAddedError) => void;
  /** Whether a connection may have brought it to Redis. */
  isSent: boolean;
  problem?: string;
}

/**
 * The additions of one process to the queue. Redis carries them out in the order of the calls, and each once, whatever happens
 * to the connection: those without an answer are sent again over the next one, and Redis knows those that it has carried out.
 */
export class Outbox {
  readonly #link: QueueLink;
  readonly #clock: Clock;
  readonly #keys: readonly [sender: string, refusals: string];
  /** In the order of their numbers. */
  readonly #pending = new Map<number, Addition>();
  /** The scripts whose text this round has sent. A server that does not know a script does not carry it out. */
  readonly #texts = new Set<Script>();
  #last = 0;
  /** Counts how often all additions were sent again. A gap that an earlier round has found may be filled already. */
  #round = 0;
  #again: Timer | undefined;
  #expiry: Timer | undefined;

  /** @param prefix the beginning of all keys */
  constructor(link: QueueLink, prefix: string, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
    const sender = `${prefix}:sender:${randomUUID()}`;
    this.#keys = [sender, `${sender}:refusals`];
    link.onUp(() => {
      this.#sendAll();
    });
  }

  /**
   * Has Redis carry out a script of {@link additionScript}. The calls reach Redis in their order.
   *
   * @returns why Redis refused it, or nothing where it carried it out
   * @throws NotAddedError
   */
  add(
    added: Script,
    keys: readonly string[],
    values: readonly (string | number)[],
  ): Promise<string | undefined> {
    const { refusal } = this.#link;
    if (refusal !== undefined) return Promise.reject(new NotAddedError(refusal, false));
    return new Promise((resolve, reject) => {
      const number = ++this.#last;
      const until = this.#clock.now() + ANSWER_WITHIN_MS;
      const addition = { number, script: added, keys, values, until, resolve, reject, isSent: false };
      this.#pending.set(number, addition);
      if (this.#expiry === undefined) this.#expireAfter(ANSWER_WITHIN_MS);
      if (this.#link.isUp && this.#again === undefined) this.#send(addition);
    });
  }

  /** Tells the callers who still wait that there is no answer. */
  close(): void {
    for (const addition of this.#pending.values()) this.#giveUp(addition, 'the queue is closed');
  }

  #sendAll(): void {
    this.#round++;
    this.#texts.clear();
    this.#again?.cancel();
    this.#again = undefined;
    for (const addition of this.#pending.values()) this.#send(addition);
  }

  #send(addition: Addition): void {
    const { number, script: sent, keys, values } = addition;
    const [awaited = number] = this.#pending.keys();
    const allKeys = [...this.#keys, ...keys];
    const rest = [...allKeys, number, awaited, REMEMBERED_MS, ...values];
    const round = this.#round;
    const isKnown = this.#texts.has(sent);
    this.#texts.add(sent);
    const wasSent = addition.isSent;
    addition.isSent = true;
    const { client } = this.#link;
    const answer = isKnown
      ? client.evalsha(sent.sha, allKeys.length, ...rest)
      : client.eval(sent.text, allKeys.length, ...rest);
    answer.then(
      (value) => {
        this.#answered(addition, v.parse(v.string(), value), round);
      },
      (error: unknown) => {
        if (isNotWritten(error)) addition.isSent = wasSent;
        this.#failed(addition, error, round);
      },
    );
  }

  #answered(addition: Addition, answer: string, round: number): void {
    if (answer !== GAP) {
      this.#remove(addition);
      addition.resolve(answer === DONE ? undefined : answer);
    } else if (round === this.#round) {
      this.#sendAll();
    }
  }

  #failed(addition: Addition, error: unknown, round: number): void {
    const reason = reasonOf(error);
    if (!(error instanceof Error && error.name === 'ReplyError')) {
      // It is not known whether Redis got it. The next connection is told to send all again, if there is a next one.
      addition.problem = reason;
      this.#link.noticed(error);
      if (round === this.#round) this.#sendAllSoon();
    } else if (reason.startsWith('NOSCRIPT')) {
      if (round === this.#round) this.#sendAll();
    } else {
      this.#remove(addition);
      addition.reject(new NotAddedError(`the queue cannot be reached: ${reason}`, false));
    }
  }

  #sendAllSoon(): void {
    this.#again ??= this.#clock.after(AGAIN_MS, () => {
      this.#again = undefined;
      if (this.#link.isUp) this.#sendAll();
    });
  }

  /** Has the additions given up whose time is over. */
  #expireAfter(milliseconds: number): void {
    this.#expiry = this.#clock.after(milliseconds, () => {
      // Where this process stood still, answers may have come that are not read yet: they are read before the next timer.
      this.#expiry = this.#clock.after(0, () => {
        this.#expire();
      });
    });
  }

  #expire(): void {
    this.#expiry = undefined;
    const now = this.#clock.now();
    for (const addition of this.#pending.values()) {
      if (addition.until > now) {
        this.#expireAfter(addition.until - now);
        return;
      }
      this.#giveUp(addition, addition.problem ?? 'no answer yet');
    }
  }

  #giveUp(addition: Addition, reason: string): void {
    this.#remove(addition);
    const { isSent } = addition;
    const message = isSent
      ? `the queue did not answer, and may have the relay all the same: ${reason}`
      : `the queue cannot be reached: ${reason}`;
    addition.reject(new NotAddedError(message, isSent));
  }

  #remove({ number }: Addition): void {
    this.#pending.delete(number);
    if (this.#pending.size > 0) return;
    this.#expiry?.cancel();
    this.#expiry = undefined;
  }
}

/** Whether the client had no connection to write a command to. */
function isNotWritten(error: unknown): boolean {
  return error instanceof Error && error.message.endsWith('enableOfflineQueue options is false');
}

/** Redis did not carry out an addition, or it is not known whether it did. */
export class NotAddedError extends Error {
  /** Whether it may have been carried out, or may still be. */
  readonly isUncertain: boolean;

  constructor(message: string, isUncertain: boolean) {
    super(message);
    this.isUncertain = isUncertain;
  }
}
